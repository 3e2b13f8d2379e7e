"""What shall be measured: comparisons, named grids, the user's shapes, ceilings, remedies."""
