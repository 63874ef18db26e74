"""One package per AWS service, one file per resource, one function per operation.

Services never import each other: what one needs of another it asks through `Invoke`.
"""
