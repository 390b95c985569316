"""The settings, reading them, and the recipes and nets as values. Nothing here imports torch."""
