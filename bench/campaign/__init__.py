"""Several environments in lock-step: ``python -m bench.campaign``."""
