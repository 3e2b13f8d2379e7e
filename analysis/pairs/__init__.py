"""One row a comparison of SeparableConv2D with Conv2D, and what belongs to it."""
