"""Whole networks: from what the user named to a network and its variants as calls that can be timed."""
