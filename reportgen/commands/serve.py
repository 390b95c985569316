"""``make serve``: the report in a browser on this machine."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from reportgen.base.errors import UserError
from reportgen.base.progress import say


def serve_folder(report: Path, port: str) -> None:
    """Serve a report on this machine (127.0.0.1) until interrupted."""
    if not (report / "index.html").exists():
        raise UserError(f"{report / 'index.html'}: there is no report yet: make it with make report")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"PORT={port}: use a number from 1 to 65535")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), partial(SimpleHTTPRequestHandler, directory=str(report)))
    except OSError as error:
        raise UserError(f"PORT={port}: {error.strerror}: choose another port") from None
    with server:
        say(f"http://127.0.0.1:{port} shows {report}; Ctrl-C ends it")
        server.serve_forever()
