"""A square of grey on images: what the net makes of them, one image at a time (`net`), and what is kept (`records`)."""
