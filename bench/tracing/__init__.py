"""Traces of chosen cases, and which kernels ran every case, in child processes after timing."""
