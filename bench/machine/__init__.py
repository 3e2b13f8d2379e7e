"""Facts about the machine, what disturbs it, and warnings to the person who measures."""
