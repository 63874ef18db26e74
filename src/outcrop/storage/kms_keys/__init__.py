"""KMS keys as rows: one module for each noun, and the root of trust that wraps their material."""
