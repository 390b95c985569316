"""``make serve`` answers this machine, with the report's own files, and tells the browser what they may do."""

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportgen.base.errors import UserError
from reportgen.commands.serve import NOTHING, server_of

PAGE_POLICY = "default-src 'none'; img-src 'self' file:; script-src 'self'"
PAGE = f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{PAGE_POLICY}"><title>x</title>'


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report beside a secret, with links of every kind to it."""
    folder = tmp_path / "report"
    (folder / "figures" / "a").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name, text in (
        ("index.html", PAGE),
        ("other.html", "<p>mine"),
        ("figures/a/one two.svg", "<svg/>"),
        (".git/x", "secret"),
    ):
        (folder / name).write_text(text)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret" / "key")
    (folder / "folder").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to("loop")
    (folder / "within").symlink_to("index.html")
    return folder


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def port(report: Path) -> Iterator[int]:
    server = server_of(report, str(free_port()))
    running = threading.Thread(target=server.serve_forever)
    running.start()
    yield server.server_address[1]
    server.shutdown()
    running.join()
    server.server_close()


def get(port: int, path: str, *hosts: str, method: str = "GET") -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for host in hosts or (f"127.0.0.1:{port}",):
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), answer.headers
    connection.close()
    return found


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/", PAGE),
        ("/index.html", PAGE),
        ("/figures/a/one%20two.svg?x=1#y", "<svg/>"),
        ("/within", PAGE),
        ("/other.html", "<p>mine"),
    ],
)
def test_the_reports_own_files_are_sent(path: str, content: str, port: int) -> None:
    status, body, headers = get(port, path)
    assert (status, body) == (200, content)
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = PAGE_POLICY if content == PAGE else NOTHING
    assert headers["Content-Security-Policy"] == f"{policy}; frame-ancestors 'none'"
    assert get(port, path, method="HEAD")[:2] == (200, "")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/link",
            "/folder/key",
            "/folder/",
            "/folder",
            "/loop",
            "/figures",
            "/figures/",
            "/figures/a/",
            "/.git/x",
            "/nowhere",
        ),
        *("/../secret/key", "/figures/../../secret/key", "/%2e%2e/secret/key", "/..%2fsecret/key", "/..%5csecret/key"),
        *("//etc/passwd", "/%00", "/index.html/", "/index.html%00.svg", "http://localhost/../secret/key", "/a" * 3000),
        "http://[::1/index.html",
    ],
)
def test_nothing_else_is_sent(path: str, port: int) -> None:
    status, body, headers = get(port, path)
    assert status in (400, 404)
    assert "secret" not in body.replace("/secret", "")
    assert "one two" not in body
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_name_that_was_pointed_here_is_not_answered(port: int) -> None:
    other = port + 1
    for hosts in (
        [f"evil.example:{port}"], ["evil.example"], ["127.0.0.1"], [f"127.0.0.1:{other}"], [""], [f"localhost.evil.example:{port}"],
        [f"127.0.0.1:{port}", f"evil.example:{port}"], [f"127.0.0.1:{port}:{port}"], [f"127.0.0.1:{port}@evil.example"],
    ):  # fmt: skip
        status, body, _ = get(port, "/", *hosts)
        assert status in (400, 421), hosts
        assert "<title>x" not in body
    assert get(port, "/", f"LocalHost:{port}")[0] == 200


def test_only_this_machine_is_listened_to(report: Path) -> None:
    with server_of(report, str(free_port())) as server:
        assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionResetError("by the browser"), ""),
        (OSError("a disk is gone"), "warning: an answer could not be sent: OSError: a disk is gone\n"),
    ],
)
def test_an_answer_that_cannot_be_sent_is_one_line_or_none(
    error: Exception, said: str, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server_of(report, str(free_port())) as server:
        try:
            raise error
        except OSError:
            server.handle_error(None, ("127.0.0.1", 1))
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "٨٠٨٠", "80 80", "9" * 5000, "²"])
def test_a_port_that_is_none(port: str, report: Path) -> None:
    with pytest.raises(UserError, match=r"^PORT=.*: use a number from 1 to 65535$"):
        server_of(report, port)


def test_a_port_that_is_taken_and_a_report_that_is_not_there(report: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match=r"PORT=\d+: Address already in use: choose another port"):
            server_of(report, str(taken.getsockname()[1]))
    with pytest.raises(UserError, match=r"there is no report yet: make it with make report"):
        server_of(tmp_path / "nowhere", "8000")
