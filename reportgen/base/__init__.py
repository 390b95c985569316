"""What every room may use: errors, files written whole, progress, names. Nothing here imports torch."""
