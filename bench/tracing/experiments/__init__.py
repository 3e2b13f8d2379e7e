"""Controlled experiments on the kernels of traced cases, in child processes that take turns."""
