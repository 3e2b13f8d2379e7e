"""What measuring and analysing share; needs nothing but the standard library."""
