"""What the measurements mean: reads saved results, never a framework, and writes reports."""
