"""Controlled experiments -> where a slow kernel's time goes, as a sum."""
