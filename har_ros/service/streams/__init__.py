"""Images of visitors' webcams: each stream has a process that looks at them."""
