"""Amazon SES v1: identities, templates, sending. Receiving is not built."""
