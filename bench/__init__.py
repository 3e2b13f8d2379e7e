"""What is measured, and how: pytest-benchmark cases for convolution layers.

Nothing here knows what a measurement means; that is the package ``analysis``, which reads
the files written here and shares the package ``bench.contract`` with this one.
"""
