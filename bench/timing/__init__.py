"""Measuring in lock-step, from settling to samples in pytest-benchmark's rows."""
