"""Amazon Bedrock's control plane: customization jobs, custom models, what serves them, foundation models.

One file per resource, one function per operation. The wire has checked every request against the service model
before it gets here (required members, patterns, lengths, enums); these functions check what it means.
"""
