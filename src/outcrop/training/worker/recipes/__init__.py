"""One file per way to train, each readable from top to bottom."""
