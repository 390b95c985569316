"""The report from results and pictures. Only this room uses jinja2 and weasyprint. Nothing here imports torch."""
