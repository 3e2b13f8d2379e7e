"""``python -m analysis``: commands, and what they print."""
