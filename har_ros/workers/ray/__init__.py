"""A Ray cluster as workers. Optional: this folder can be deleted."""
