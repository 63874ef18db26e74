"""Amazon SES v2: the same identities, templates, configuration sets and outbox as v1, under newer names."""
