"""Where a network comes from: one module a way in which ``--model`` names it."""
