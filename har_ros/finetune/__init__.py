"""Training a network end to end, with PyTorch."""
