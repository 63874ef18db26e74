"""What SES v1 and v2 do alike: addresses, messages, templates, identities; each service words refusals its own way."""
