"""Who does the many pieces of a long work: this process, others beside it, or a Ray cluster."""
