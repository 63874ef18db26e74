"""Keys and certificates of this installation."""
