"""What can be set, from where it is read, and the recipes and nets as values. Nothing here imports torch."""
