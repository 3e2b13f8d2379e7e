"""What a case costs, and the least time that a machine could take for it."""
