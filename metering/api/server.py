"""Runs the API with uvicorn: listens first, so that the port is known and taken, and stops when asked to.

SIGTERM and SIGINT let running requests come to their end; keys, sizes and rates are looked at in `app`.
"""

from __future__ import annotations

import asyncio
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
    except BaseException:
        listening.close()
        raise
    return listening


class Server(uvicorn.Server):
    """Tells when it answers, and forgets no signal that came before."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._started = started
        self._asked_to_stop = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin; from here on uvicorn minds the signals."""
        await super().startup(sockets=sockets)
        if self._started is not None:
            self._started()
        if self._asked_to_stop:
            # A moment later, as uvicorn skips the end of what it began when it finds itself stopped already.
            asyncio.get_running_loop().call_soon(self._stop)

    def stop_once_started(self, number: int, frame: FrameType | None) -> None:
        """A handler for signals that uvicorn does not mind yet, and for those that it raises again at its end."""
        self._asked_to_stop = True

    def _stop(self) -> None:
        self.should_exit = True


def make_server(app: FastAPI, started: Callable[[], None] | None = None) -> Server:
    """A server of an app, to be run on a socket; `started` is called once it answers."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return Server(config, started)


def serve(meter: Meter, listening: socket.socket, options: Options, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `started` is called once it answers."""
    server = make_server(create_app(meter, options), started)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.stop_once_started)
    server.run(sockets=[listening])


__all__ = ["ADDRESS", "PORT", "Server", "listen", "make_server", "serve"]
