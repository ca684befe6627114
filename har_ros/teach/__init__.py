"""Networks for classes of one's own: datasets, embeddings, heads, their figures; see command.py."""
