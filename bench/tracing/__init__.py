"""Traces and primitive logs of chosen cases, in child processes after timing."""
