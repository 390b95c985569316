"""Figures as data (`kinds`) and how they are drawn (`draw`)."""
