"""Saved files -> tables, and which runs are meant."""
