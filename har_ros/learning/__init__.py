"""What teaching and fine-tuning share: datasets, embeddings, heads, the folder of a taught network."""
