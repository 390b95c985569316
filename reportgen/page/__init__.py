"""Results and pictures in, report out: the only users of jinja2 and weasyprint. Nothing here imports torch."""
