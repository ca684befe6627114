"""How videos come in: as forms, in parts (tus), and from links."""
