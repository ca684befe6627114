"""The kinds of network."""
