"""The HTML report: one self-contained file, its figures and its data beside it."""
