"""AWS Identity and Access Management: one module per resource, one function per operation.

Rows live in `storage/identities`, what they mean for decisions in `identity/`; here are the wire's words and limits.
"""
