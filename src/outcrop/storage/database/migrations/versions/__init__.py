"""The revisions, each frozen once released. A new one: copy the last, number it, add a test row."""
