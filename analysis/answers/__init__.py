"""Verdicts -> sentences, and answers to public claims."""
