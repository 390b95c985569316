"""Used by every room: errors, files written whole, progress, names. Nothing here imports torch."""
