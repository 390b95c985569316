"""The engine: what a stage is, which stages are due, and making them."""
