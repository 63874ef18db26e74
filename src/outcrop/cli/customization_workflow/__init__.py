"""The shipped customization workflow: what it consists of, putting it up, running it, following a run."""
