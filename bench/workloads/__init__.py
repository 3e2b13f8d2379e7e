"""From a case to a call that can be timed, checked against plain NumPy."""
