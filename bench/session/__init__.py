"""From a command line to what one run does."""
