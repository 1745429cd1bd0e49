"""Posting to servers that answer slowly, or never to the end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from metering.quotas.posting import post

SECONDS = 0.3
FAULT = "the webhook cannot be reached: no answer within 0.3 seconds"
Serve = Callable[[socket.socket, threading.Event], None]


@contextmanager
def serving(serve: Serve) -> Iterator[tuple[str, threading.Event]]:
    """A server of one connection: where it is, and an event that is set once the caller has left it."""
    left, stop = threading.Event(), threading.Event()

    def accept() -> None:
        caller, _ = listening.accept()
        with caller:
            try:
                serve(caller, stop)
            except OSError:
                left.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}", left
        finally:
            stop.set()
            thread.join()


def drip(start: bytes) -> Serve:
    """A server that begins its answer, and then sends one byte after another."""

    def serve(caller: socket.socket, stop: threading.Event) -> None:
        caller.recv(65_536)
        caller.sendall(start)
        while not stop.wait(0.02):
            caller.sendall(b"x")

    return serve


def say_nothing(caller: socket.socket, stop: threading.Event) -> None:
    while caller.recv(65_536):
        pass
    raise ConnectionResetError


def go_on(caller: socket.socket, stop: threading.Event) -> None:
    caller.recv(65_536)
    while not stop.wait(0.02):
        caller.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.parametrize(
    ("scheme", "serve"),
    [
        ("http", drip(b"")),
        ("http", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Long: ")),
        ("http", drip(b"HTTP/1.1 302 Found\r\nLocation: ")),
        ("http", go_on),
        ("http", say_nothing),
        # The head of a record of a handshake, whose 4 KB come one by one.
        ("https", drip(b"\x16\x03\x03\x10\x00")),
        ("https", say_nothing),
    ],
    ids=["status", "header", "redirect", "continue", "silence", "handshake", "no handshake"],
)
def test_a_server_that_drips_is_left_at_the_deadline(scheme: str, serve: Serve) -> None:
    with serving(serve) as (address, left):
        assert post(f"{scheme}://{address}/secret-token", b"{}", {}, SECONDS) == FAULT
        # The connection is ended, and with it the thread that waited on it.
        assert left.wait(10)
    for thread in threading.enumerate():
        if thread.name == "ratecard-webhook":
            thread.join(10)
            assert not thread.is_alive()


def test_the_body_of_an_answer_is_not_waited_for() -> None:
    with serving(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")) as (address, left):
        assert post(f"http://{address}/", b"{}", {}, 30) is None
        assert left.wait(10)
    with serving(drip(b"HTTP/1.1 500 Broken\r\nContent-Length: 100000\r\n\r\n")) as (address, left):
        assert post(f"http://{address}/", b"{}", {}, 30) == "the webhook answered HTTP 500"
        assert left.wait(10)


def test_a_server_that_speaks_something_else() -> None:
    def other(caller: socket.socket, stop: threading.Event) -> None:
        caller.recv(65_536)
        caller.sendall(b"220 mail.example.com\r\n\r\n")

    with serving(other) as (address, _):
        assert post(f"http://{address}/secret", b"{}", {}, 30) == "the webhook cannot be used: BadStatusLine"
    with serving(other) as (address, _):
        fault = post(f"https://{address}/secret", b"{}", {}, 30)
        assert str(fault).startswith("the webhook cannot be reached: ")
        assert "secret" not in str(fault)
