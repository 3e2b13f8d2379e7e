"""What a whole network does in one call; one module a framework, and what they share."""
