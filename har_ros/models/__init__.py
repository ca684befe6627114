"""The networks: their cards, and where their files come from."""
