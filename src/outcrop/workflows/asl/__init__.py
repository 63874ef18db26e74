"""The Amazon States Language as pure functions: parsing, validation and the flow of data.

Nothing here reads a clock, a file or the network, and nothing here waits: a state is a frozen
value with its expressions compiled once, and every step of its work is a function of the values
given. Who runs states, writes history and calls services is the interpreter's business.
"""
