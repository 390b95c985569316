"""Mathematics of measurements, on arrays: numpy and scipy, and nothing of nets, runs or files."""
