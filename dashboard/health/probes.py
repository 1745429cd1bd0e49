"""Asking other servers whether they are well: HTTP and Redis, each within a time that holds for the whole answer.

The libraries' own timeouts begin anew with every byte: a server that drips would hold them up for ever.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from urllib.parse import SplitResult, unquote, urlsplit

TIMEOUT_SECONDS = 2.0
_MOST_BYTES = 256 * 1024
_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}


class ProbeError(Exception):
    """What was asked did not answer as it should; the words name no secret."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an HTTP server answered."""

    status: int
    body: str


def shown_address(url: str) -> str:
    """Host and port of an address, without user, password and path; for people."""
    try:
        return _place(url, tuple(_PORTS))[1]
    except ProbeError:
        return "an address that cannot be read"


def http_get(url: str, path: str, headers: Mapping[str, str], seconds: float = TIMEOUT_SECONDS) -> HttpAnswer:
    """Ask for a path below an address. Raises ProbeError."""
    parts, place = _place(url, ("http", "https"))
    until = monotonic() + seconds
    target = f"{parts.path.rstrip('/')}{path}"
    lines = [f"GET {target} HTTP/1.0", f"Host: {place}", "User-Agent: ratecard", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if not all(line.isascii() and line.isprintable() for line in lines) or " " in target:
        raise ProbeError("its address or its key cannot be sent")
    answer = _exchange(parts, "\r\n".join([*lines, "", ""]).encode(), until, seconds, ends=None)
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].split(b" ")
    if not words[0].startswith(b"HTTP/") or len(words) < 2 or not words[1].isdigit():
        raise ProbeError("it does not speak HTTP")
    return HttpAnswer(int(words[1]), body.decode("utf-8", "replace"))


def redis_ping(url: str, seconds: float = TIMEOUT_SECONDS) -> str:
    """What a Redis answers to PING, after the password that its address holds. Raises ProbeError."""
    parts, _ = _place(url, ("redis", "rediss"))
    until = monotonic() + seconds
    commands = [["PING"]]
    if parts.password:
        user = [unquote(parts.username)] if parts.username else []
        commands.insert(0, ["AUTH", *user, unquote(parts.password)])
    sent = b"".join(_command(words) for words in commands)
    answer = _exchange(parts, sent, until, seconds, ends=len(commands))
    return answer.split(b"\r\n")[len(commands) - 1].decode("utf-8", "replace")


def _command(words: list[str]) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _place(url: str, schemes: tuple[str, ...]) -> tuple[SplitResult, str]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise ProbeError("its address cannot be read") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise ProbeError(f"its address does not begin with {' or '.join(f'{one}://' for one in schemes)}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parts, f"{host}:{port}"


def _exchange(parts: SplitResult, sent: bytes, until: float, seconds: float, *, ends: int | None) -> bytes:
    """Send something and read the answer: to its end, or so many lines of it."""
    try:
        with closing(_connect(parts, until)) as connection:
            connection.settimeout(_left(until))
            connection.sendall(sent)
            answer = b""
            while len(answer) < _MOST_BYTES and (ends is None or answer.count(b"\r\n") < ends):
                connection.settimeout(_left(until))
                part = connection.recv(65_536)
                if not part:
                    break
                answer += part
    except TimeoutError:
        raise ProbeError(f"no answer within {seconds:g} s") from None
    except OSError as error:
        raise ProbeError(f"it cannot be reached: {error.strerror or type(error).__name__}") from None
    if ends is not None and answer.count(b"\r\n") < ends:
        raise ProbeError("it hung up without an answer")
    return answer


def _connect(parts: SplitResult, until: float) -> socket.socket:
    host = parts.hostname or ""
    connection = socket.create_connection((host, parts.port or _PORTS[parts.scheme]), timeout=_left(until))
    if parts.scheme not in ("https", "rediss"):
        return connection
    try:
        connection.settimeout(_left(until))
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


__all__ = ["TIMEOUT_SECONDS", "HttpAnswer", "ProbeError", "http_get", "redis_ping", "shown_address"]
