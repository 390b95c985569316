"""Figures as data (`kinds`), and drawing them (`draw`)."""
