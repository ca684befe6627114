"""Figures and their intervals, on arrays."""
