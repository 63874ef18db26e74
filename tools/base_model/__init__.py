"""Builds the bundled base model: text generator, tokenizer, trainer and n-gram baselines."""
