"""A traced step -> a table of what it was spent on."""
