"""What really happened: segments of time with labels."""
