"""TestState: one state, run outside any execution, with an account of what its data became at each stage.

`requests` reads and checks what is asked, `context_objects` and `mock_fields` check the parts of it that callers make up,
`runs` carries the state out. Answers follow those that AWS gave to the same requests.
"""
