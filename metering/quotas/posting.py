"""Posting to a webhook: one request that is over by a deadline, however slowly the other side answers.

A timeout of a socket begins anew with each byte, so that a server that sends one now and then could hold a request for
ever. Here a request runs in a thread of its own, and at the deadline its connection is shut, which ends that thread.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

_UNANSWERED = "the webhook cannot be reached: no answer within {:g} seconds"


def post(address: str, body: bytes, headers: Mapping[str, str], seconds: float) -> str | None:
    """Post to an http(s) address; why it was not taken within so many seconds, or None. Never raises.

    Any answer but 2xx is a fault, a redirect too. No fault holds the address, which may be a secret.
    """
    request = Request(address, body, dict(headers), method="POST")  # noqa: S310 - http(s), as the caller checked
    answers: list[str | None] = []
    connections = _Connections()

    def run() -> None:
        answers.append(_ask(request, connections, seconds))

    thread = threading.Thread(target=run, name="ratecard-webhook", daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        connections.shut()
        return _UNANSWERED.format(seconds)
    return answers[0]


class _Connections:
    """The connections of one request, to be shut from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._handles: list[socket.socket] = []

    def add(self, connected: socket.socket) -> None:
        """Know of a connection. Its handle is another one: TLS takes over that which it is given."""
        with self._lock:
            handle = connected.dup()
            self._handles.append(handle)
            if self._over:
                _shut(handle)

    def shut(self) -> None:
        """End what is sent and received on them, and on those that are still to come."""
        with self._lock:
            self._over = True
            for handle in self._handles:
                _shut(handle)

    def forget(self) -> None:
        """Close the handles."""
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()


def _shut(handle: socket.socket) -> None:
    # The other side may have ended it already.
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _ask(request: Request, connections: _Connections, seconds: float) -> str | None:
    opener = build_opener(_Http(connections), _Https(connections), _NoRedirects)
    try:
        with opener.open(request, timeout=seconds):
            return None
    except HTTPError as error:
        error.close()
        return f"the webhook answered HTTP {error.code}"
    except URLError as error:
        return _reason(error.reason, seconds)
    except OSError as error:
        return _reason(error, seconds)
    except (http.client.HTTPException, ValueError) as error:
        # Their texts may hold the address.
        return f"the webhook cannot be used: {type(error).__name__}"
    finally:
        connections.forget()


def _reason(error: object, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return _UNANSWERED.format(seconds)
    text = error.strerror if isinstance(error, OSError) else None
    return f"the webhook cannot be reached: {text or type(error).__name__}"


class _Connection(http.client.HTTPConnection):
    """A connection that is made known before anything is sent on it."""

    connections: _Connections

    def connect(self) -> None:
        super().connect()
        self.connections.add(self.sock)


class _SecureConnection(http.client.HTTPSConnection, _Connection):
    """The same with TLS: by the order of its bases it is made known before the handshake, which may take long, too."""


class _Http(HTTPHandler):
    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        self._connections = connections

    def http_open(self, req: Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)

    def _connect(self, host: str, /, **options: Any) -> _Connection:
        connection = _Connection(host, **options)
        connection.connections = self._connections
        return connection


class _Https(HTTPSHandler):
    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        self._connections = connections

    def https_open(self, req: Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)

    def _connect(self, host: str, /, **options: Any) -> _SecureConnection:
        connection = _SecureConnection(host, **options)
        connection.connections = self._connections
        return connection


class _NoRedirects(HTTPRedirectHandler):
    """A redirected POST would become a GET elsewhere, which tells nobody."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> NoReturn:
        raise HTTPError("", code, "a redirect", headers, fp)


__all__ = ["post"]
