"""What runs a network. A backend is a folder here whose module backend has load; BACKENDS in settings.py names them."""
