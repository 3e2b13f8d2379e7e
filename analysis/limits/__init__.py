"""The least time that a machine could take for a case."""
