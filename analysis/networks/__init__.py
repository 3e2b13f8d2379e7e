"""Whole networks: what their changes gained, and what their layers say of it."""
