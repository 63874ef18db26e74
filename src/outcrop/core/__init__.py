"""The product's nouns and rules in plain Python: no I/O, no framework, no wire names."""
