"""Asking other servers, with real ones on loopback: well, ill, silent, dripping, and not there at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dashboard.health.probes import ProbeError, http_get, redis_ping, shown_address

SECONDS = 0.4
Talk = Callable[[socket.socket, threading.Event], None]


@contextmanager
def http_server(answers: dict[str, tuple[int, str]], seen: list[str | None] | None = None) -> Iterator[str]:
    """A server with an answer for each path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append(self.headers["Authorization"])
            status, body = answers.get(self.path, (404, ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def talking(talk: Talk) -> Iterator[int]:
    """A port at which somebody talks to whoever comes, until told to stop."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def run() -> None:
        connection, _ = listening.accept()
        with connection:
            try:
                talk(connection, over)
            except OSError:
                over.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        over.set()
        listening.close()
        thread.join(timeout=2)


def closed_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def drip(connection: socket.socket, over: threading.Event) -> None:
    """A byte of a header now and then, for ever."""
    connection.recv(1_000)
    connection.sendall(b"HTTP/1.0 200 OK\r\nX: ")
    while not over.wait(0.02):
        connection.sendall(b"x")


def silent(connection: socket.socket, over: threading.Event) -> None:
    """Takes what comes and says nothing."""
    over.wait()


def replying(reply: bytes) -> Talk:
    """Says one thing and hangs up."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(1_000)
        connection.sendall(reply)

    return talk


def test_an_answer_with_its_body_and_our_key() -> None:
    seen: list[str | None] = []
    with http_server({"/below/health": (503, "ill")}, seen) as url:
        answer = http_get(f"{url}/below/", "/health", {"Authorization": "Bearer abc"})

    assert (answer.status, answer.body) == (503, "ill")
    assert seen == ["Bearer abc"]


@pytest.mark.parametrize("talk", [drip, silent])
def test_whoever_drips_or_is_silent_is_left_in_time(talk: Talk) -> None:
    with talking(talk) as port, pytest.raises(ProbeError, match=r"^no answer within 0\.4 s$"):
        http_get(f"http://127.0.0.1:{port}", "/", {}, SECONDS)


def test_a_closed_port_and_what_does_not_speak_http() -> None:
    with pytest.raises(ProbeError, match="Connection refused"):
        http_get(f"http://127.0.0.1:{closed_port()}", "/", {})
    with talking(replying(b"SSH-2.0-OpenSSH\r\n")) as port, pytest.raises(ProbeError, match="does not speak HTTP"):
        http_get(f"http://127.0.0.1:{port}", "/", {})
    with talking(replying(b"HTTP/1.0 200 OK\r\n\r\n")) as port, pytest.raises(ProbeError, match="cannot be reached"):
        http_get(f"https://127.0.0.1:{port}", "/", {})


@pytest.mark.parametrize(
    ("url", "path", "headers"),
    [
        ("ftp://127.0.0.1", "/", {}),
        ("http://", "/", {}),
        ("http://127.0.0.1:99999", "/", {}),
        ("http://[::1", "/", {}),
        ("http://127.0.0.1", "/", {"Authorization": "Bearer a\r\nX: y"}),
        ("http://127.0.0.1/a b", "/", {}),
    ],
)
def test_what_cannot_be_asked_is_told_and_nothing_is_sent(url: str, path: str, headers: dict[str, str]) -> None:
    with pytest.raises(ProbeError, match="address"):
        http_get(url, path, headers)


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown_address("https://user:secret@example.com/path?key=secret") == "example.com:443"
    assert shown_address("redis://:secret@[::1]/0") == "[::1]:6379"
    assert shown_address("http://[::1") == "an address that cannot be read"


def test_a_redis_answers_ping() -> None:
    heard: list[bytes] = []

    def redis(connection: socket.socket, over: threading.Event) -> None:
        heard.append(connection.recv(1_000))
        connection.sendall(b"+OK\r\n")
        connection.sendall(b"+PONG\r\n")
        over.wait()

    with talking(redis) as port:
        assert redis_ping(f"redis://desk:p%40ss@127.0.0.1:{port}/0") == "+PONG"
    assert heard == [b"*3\r\n$4\r\nAUTH\r\n$4\r\ndesk\r\n$4\r\np@ss\r\n*1\r\n$4\r\nPING\r\n"]


def test_a_redis_that_refuses_hangs_up_or_is_silent() -> None:
    with talking(replying(b"-NOAUTH Authentication required.\r\n")) as port:
        assert redis_ping(f"redis://127.0.0.1:{port}").startswith("-NOAUTH")
    with talking(replying(b"")) as port, pytest.raises(ProbeError, match="hung up"):
        redis_ping(f"redis://127.0.0.1:{port}")
    with talking(silent) as port, pytest.raises(ProbeError, match="no answer"):
        redis_ping(f"redis://127.0.0.1:{port}", SECONDS)
    with pytest.raises(ProbeError, match="Connection refused"):
        redis_ping(f"redis://127.0.0.1:{closed_port()}")
