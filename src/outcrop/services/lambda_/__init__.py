"""AWS Lambda: functions with versions, aliases, policies and layers, and invoking them.

Running them is the host's (`outcrop.functions`); this package decides what is run, for whom, as which role, and what
becomes of the answer.
"""
