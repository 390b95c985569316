"""One module for each command that does more than make stages."""
