"""What a network is made of: its graph, which layer reads which, and what a layer costs."""
