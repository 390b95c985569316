"""A net looking at images: `Inputs` in, arrays out. What analyses compute with, and some of them share."""
