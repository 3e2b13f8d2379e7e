"""The documentation against the project: what a page says must be there."""
