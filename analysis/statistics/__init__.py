"""Intervals, chance among many and verdicts; knows nothing of benchmarks."""
