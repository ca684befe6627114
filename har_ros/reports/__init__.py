"""Charts, pages and pictures."""
