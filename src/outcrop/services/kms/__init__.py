"""AWS KMS: keys that never leave the server, and what is done with them.

Material is wrapped by the root of trust and unwrapped into memory once. A key's row is read at every use, so that
disabling it, or revoking a grant, holds from the next call on.
"""
