"""Statistics that analyses share: numbers in, numbers out."""
