"""What pytest and pytest-benchmark want of a run: parameters, progress, saved files, lines on a terminal."""
