"""Starts the dashboard as a program of its own and waits for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

from sync.context import DATABASE_VARIABLE
from sync.errors import RefusedError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORT = 8501


def serve(url: str, port: int, address: str = LOOPBACK[0]) -> int:
    """Serve the dashboard on the database at `url` until it is interrupted; returns the exit code.

    Raises RefusedError for a port that is taken, and for an address that other machines reach while nobody has to sign
    in.
    """
    check_address(address, signs_in=signs_in(Path.cwd()))
    check_port(port, address)
    # `-P`: what stands in the working directory is somebody's repository, and no module of ours.
    command = [sys.executable, "-P", str(_script())]
    command += [f"--server.port={port}", f"--server.address={address}", "--server.headless=true"]
    # Whoever ends this program, by Ctrl-C or by a signal, ends the dashboard with it; also where a shell started it in
    # the background, with interrupts ignored.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    child = subprocess.Popen(command, env={**os.environ, DATABASE_VARIABLE: url})  # noqa: S603 - our own words
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        return 0


def check_address(address: str, *, signs_in: bool) -> None:
    """Refuse to be reached from elsewhere without sign-in: whoever is there may do what git's identity here may."""
    if address not in LOOPBACK and not signs_in:
        raise RefusedError(
            "SIGN_IN",
            f"the dashboard would answer other machines on {address} without sign-in; add [auth] to"
            " .streamlit/secrets.toml, or leave --address at 127.0.0.1",
        )


def check_port(port: int, address: str) -> None:
    """Refuse a port that something else listens on, in our own words."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except (OSError, OverflowError):
            raise RefusedError("PORT", f"port {port} of {address} cannot be used; name another with --port") from None


def signs_in(folder: Path) -> bool:
    """Whether Streamlit's secrets hold an `[auth]` table: those of the folder, or of the person."""
    for place in (folder, Path.home()):
        try:
            secrets = tomllib.loads((place / ".streamlit" / "secrets.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if secrets.get("auth"):
            return True
    return False


def address_text(port: int, address: str) -> str:
    """What a person types into a browser."""
    return f"http://{f'[{address}]' if ':' in address else address}:{port}"


def _script() -> Path:
    # The dashboard stands above sync: it is found and started, never imported.
    found = find_spec("dashboard")
    if found is None or not found.submodule_search_locations:
        raise RefusedError("DASHBOARD", "the package `dashboard` is not installed")
    return Path(found.submodule_search_locations[0]) / "__main__.py"


__all__ = ["LOOPBACK", "PORT", "address_text", "check_address", "check_port", "serve", "signs_in"]
