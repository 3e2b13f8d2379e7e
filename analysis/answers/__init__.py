"""Verdicts -> sentences."""
