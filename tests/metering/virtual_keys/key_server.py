"""A real HTTP server that keeps virtual keys as a LiteLLM proxy does: unique aliases, changes of single fields."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MASTER_KEY = "sk-" + "master"
FIELDS = ("max_budget", "budget_duration", "tpm_limit", "rpm_limit", "models", "blocked", "metadata")


def token_of(alias: str) -> str:
    """What the proxy knows a key by: a digest that is no secret."""
    return sha256(alias.encode()).hexdigest()


class KeyServer:
    """Its keys by alias, what it was asked to write, and how many requests it still serves before it fails."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.written: list[tuple[str, dict[str, Any]]] = []
        self.serves: int | None = None
        self.largest_page = 100
        self.address = ""

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        """The status and the answer to a request."""
        if body is None:
            return 200, self._list(query)
        if self.serves is not None:
            if self.serves == 0:
                return 500, {"error": {"message": "database\nlost", "code": "500"}}
            self.serves -= 1
        self.written.append((path, body))
        if path == "/key/generate":
            if body["key_alias"] in self.keys:
                return 400, {"error": {"message": "Unique key aliases across all keys are required."}}
            secret = f"sk-{len(self.written):04}"
            self.keys[body["key_alias"]] = {name: body.get(name) for name in FIELDS}
            return 200, {**body, "key": secret, "token": token_of(body["key_alias"])}
        aliases = {token_of(alias): alias for alias in self.keys}
        if path == "/key/update":
            self.keys[aliases[body["key"]]] |= {name: body[name] for name in FIELDS if name in body}
            return 200, body
        for token in body["keys"]:
            del self.keys[aliases[token]]
        return 200, {"deleted_keys": body["keys"]}

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        found = [{**key, "key_alias": alias, "token": token_of(alias)} for alias, key in self.keys.items()]
        found.append({"key_alias": None, "token": "0" * 64})
        size, page = min(int(query["size"]), self.largest_page), int(query["page"])
        return {
            "keys": found[(page - 1) * size : page * size],
            "total_count": len(found),
            "current_page": page,
            "total_pages": -(-len(found) // size),
        }


@contextmanager
def serving_keys() -> Iterator[KeyServer]:
    """A server on a free port of this host; it asks for the master key."""
    keys = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._serve(None)

        def _serve(self, body: dict[str, Any] | None) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if self.headers["Authorization"] == f"Bearer {MASTER_KEY}":
                status, answer = keys.answer(parts.path.removeprefix("/proxy"), query, body)
            else:
                status, answer = 401, {"error": {"message": "Authentication Error, Invalid proxy server token passed."}}
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - named by http.server
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    keys.address = f"http://127.0.0.1:{server.server_address[1]}/proxy/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield keys
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
