"""The nets: the paper's own and its variants."""
