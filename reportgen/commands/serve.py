"""``make serve``: the report in a browser on this machine, and to nobody else."""

import re
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from reportgen.base.errors import UserError
from reportgen.base.progress import say

HTTP = 80  # the port that a browser leaves out
HOSTS = ("localhost", "127.0.0.1")
START = "index.html"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'"  # for files that are no page
FRAMES = "frame-ancestors 'none'"  # which a page cannot say of itself
HEAD = 1 << 16  # bytes of a page in which its policy stands


def serve_folder(report: Path, port: str) -> None:
    """Serve a report on this machine (127.0.0.1) until interrupted."""
    server = server_of(report, port)
    with server:
        say(f"http://127.0.0.1:{server.server_port} shows {report}; Ctrl-C ends it")
        server.serve_forever()


def server_of(report: Path, port: str) -> ThreadingHTTPServer:
    """The server of a report, on 127.0.0.1; raises UserError without a report, for a port that is none, or is taken."""
    if not (report / START).is_file():
        raise UserError(f"{report / START}: there is no report yet: make it with make report")
    if not (port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        raise UserError(f"PORT={port}: use a number from 1 to 65535")
    try:
        return Server(("127.0.0.1", int(port)), partial(Handler, directory=str(report)))
    except OSError as error:
        raise UserError(f"PORT={port}: {error.strerror}: choose another port") from None


class Server(ThreadingHTTPServer):
    """Says in one line why an answer could not be sent; of a browser that went away meanwhile, nothing."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """As the base class, which prints a trace."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            say(f"warning: an answer could not be sent: {type(error).__name__}: {error}")


class Handler(SimpleHTTPRequestHandler):
    """Sends the files of one folder to this machine: no list of them, nothing that a link leads to outside, none that hides."""

    server_version, sys_version = "reportgen", ""
    policy = NOTHING  # of the answer that is being sent

    def send_head(self) -> Any:
        """Answer GET and HEAD: a file, or an error."""
        self.policy = NOTHING
        if not self._for_this_machine():
            # A page elsewhere whose name was pointed at this machine ("rebinding") comes with that name.
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This server answers http://127.0.0.1 and localhost alone")
            return None
        path = self._asked_for()
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        if path.suffix == ".html":
            self.policy = _policy(path)
        return super().send_head()

    def end_headers(self) -> None:
        """Add to every answer what a browser must not do with it."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", f"{self.policy}; {FRAMES}")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")  # the report may be made again meanwhile
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        """No list of a folder, whatever leads here."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def _for_this_machine(self) -> bool:
        hosts = self.headers.get_all("Host") or []
        name, _, port = hosts[0].partition(":") if len(hosts) == 1 else ("", "", "")
        _, own, *_ = cast(tuple[Any, ...], self.server.server_address)
        return name.lower() in HOSTS and port in (str(own), "" if own == HTTP else str(own))

    def _asked_for(self) -> Path | None:
        """The file that is asked for; None if there is none, or if it is not one of the folder's own."""
        folder = Path(self.directory).resolve()
        try:
            name = unquote(urlsplit(self.path).path)
        except ValueError:  # what stands for the host is none
            return None
        if "\0" in name or "\\" in name:
            return None
        if name == "/":
            self.path = f"/{START}"
            return folder / START if (folder / START).is_file() else None
        place = Path(self.translate_path(self.path))
        try:
            found = place.resolve(strict=True)
            inside = found.relative_to(folder)
        except (OSError, ValueError, RuntimeError):
            return None
        hides = any(part.startswith(".") for part in inside.parts)
        return found if found.is_file() and not hides and not name.endswith("/") else None


def _policy(page: Path) -> str:
    """The policy that a page of ours says of itself; of another page that it may load nothing."""
    with page.open(encoding="utf-8", errors="replace") as file:
        found = POLICY.search(file.read(HEAD))
    return found[1] if found else NOTHING
