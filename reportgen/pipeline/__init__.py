"""The engine: what a stage is, what is due, and making it."""
