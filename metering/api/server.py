"""Runs the API with uvicorn: listens first, so that the port is known and taken, and stops when asked to.

SIGTERM and SIGINT let running requests come to their end; keys, sizes and rates are looked at in `app`.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from metering.api.app import Options, create_app
from metering.meter import Meter

ADDRESS = "127.0.0.1"
PORT = 8080
STOP_SECONDS = 20
"""How long running requests have once the server is told to stop."""
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 512


def listen(address: str, port: int) -> socket.socket:
    """A socket that is listened on; port 0 takes a free one. Raises OSError when it cannot be had."""
    # asyncio sends small answers at once (TCP_NODELAY) only on sockets that say that they speak TCP; those of
    # `socket.create_server` do not, and each answer would wait 40 ms for an acknowledgement.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def make_server(app: FastAPI) -> uvicorn.Server:
    """A server of an app, to be run on a socket."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


def serve(meter: Meter, listening: socket.socket, options: Options, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `started` is called before the first request is answered."""
    server = make_server(create_app(meter, options))
    # uvicorn takes the signals while it runs, and raises them again once it has stopped: their work is done by then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stopped)
    started()
    server.run(sockets=[listening])


def _stopped(number: int, frame: FrameType | None) -> None:
    """Nothing is left to do."""


__all__ = ["ADDRESS", "PORT", "listen", "make_server", "serve"]
