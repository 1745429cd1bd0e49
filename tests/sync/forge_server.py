"""A forge on this computer: it takes a request only as the forge's published description says, and answers so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator

DESCRIPTIONS = Path(__file__).parents[1] / "fixtures" / "openapi"
GITHUB = json.loads((DESCRIPTIONS / "github_pulls.json").read_text(encoding="utf-8"))
GITLAB = json.loads((DESCRIPTIONS / "gitlab_merge_requests.json").read_text(encoding="utf-8"))

TOKEN = "token-of-a-test"
_HEADERS = {
    "github": {"Authorization": f"Bearer {TOKEN}", "X-GitHub-Api-Version": "2022-11-28"},
    "gitlab": {"PRIVATE-TOKEN": TOKEN},
}


@dataclass
class Call:
    """One request that the server took."""

    method: str
    path: str
    parameters: dict[str, str]
    query: dict[str, str]
    body: Any


@dataclass
class Server:
    """A running server. `answers` are given in order: a status of the description, or a status, a body and headers."""

    kind: str
    description: Mapping[str, Any]
    prefix: str = ""
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    answers: list[int | tuple[int, Any, Mapping[str, str]]] = field(default_factory=list)

    def take(
        self, method: str, address: str, headers: Mapping[str, str], data: bytes
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Check a request against the description and answer it."""
        parts = urlsplit(address)
        path, operation, found = self._operation(method, parts.path.removeprefix(self.prefix))
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        body = json.loads(data) if data else None
        for name, value in _HEADERS[self.kind].items():
            self._expect(headers.get(name) == value, f"{name} is not as it should be")
        if self.kind == "github":
            self._expect(headers.get("Accept") == "application/vnd.github+json", "Accept")
        self._expect(bool(headers.get("User-Agent")), "a forge refuses who gives no User-Agent")
        self._check_parameters(operation, {"path": found, "query": query})
        if "requestBody" in operation:
            self._expect(headers.get("Content-Type") == "application/json", "Content-Type")
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            self._conforms(body, {**schema, "additionalProperties": False})
        else:
            self._expect(body is None, "a body where none belongs")
        self.calls.append(Call(method, path, found, query, body))
        answer = self.answers.pop(0) if self.answers else (201 if method == "POST" else 200)
        return self._answer(operation, answer)

    def _answer(
        self, operation: Mapping[str, Any], answer: int | tuple[int, Any, Mapping[str, str]]
    ) -> tuple[int, Any, Mapping[str, str]]:
        if isinstance(answer, tuple):
            content = operation["responses"].get(str(answer[0]), {}).get("content")
            if content:
                self._conforms(answer[1], content["application/json"]["schema"])
            return answer
        content = operation["responses"][str(answer)]["content"]["application/json"]
        self._conforms(content["example"], content["schema"])
        return answer, content["example"], {}

    def _operation(self, method: str, path: str) -> tuple[str, Mapping[str, Any], dict[str, str]]:
        steps = path.strip("/").split("/")
        for template, operations in self.description["paths"].items():
            names = template.strip("/").split("/")
            pairs = list(zip(names, steps, strict=False))
            if len(names) == len(steps) and all(name[0] == "{" or name == step for name, step in pairs):
                found = {name.strip("{}"): unquote(step) for name, step in pairs if name[0] == "{"}
                return template, operations[method.lower()], found
        raise AssertionError(f"{method} {path} is not in the description")

    def _check_parameters(self, operation: Mapping[str, Any], given: Mapping[str, Mapping[str, str]]) -> None:
        for place, values in given.items():
            known = {one["name"]: one for one in operation["parameters"] if one["in"] == place}
            self._expect(values.keys() <= known.keys(), f"unknown: {values.keys() - known.keys()}")
            missing = {name for name, one in known.items() if one.get("required")} - values.keys()
            self._expect(not missing, f"missing: {missing}")
            for name in values.keys() & known.keys():
                self._conforms(values[name], known[name]["schema"])

    def _conforms(self, value: Any, schema: Mapping[str, Any]) -> None:
        self.faults += [error.message for error in Draft202012Validator(_as_json_schema(schema)).iter_errors(value)]

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.faults.append(what)


def _as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` allows null."""
    if isinstance(schema, list):
        return [_as_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _as_json_schema(part) for name, part in schema.items() if name != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made


@contextmanager
def running(kind: str, prefix: str = "") -> Iterator[Server]:
    """A server of one kind on a free port of the loopback interface."""
    server = Server(kind, GITHUB if kind == "github" else GITLAB, prefix)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, body, headers = server.take(self.command, self.path, self.headers, data)
            except Exception as fault:
                server.faults.append(repr(fault))
                status, body, headers = 500, {"message": "not in the description"}, {}
            written = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(written)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = _serve  # noqa: N815 - http.server finds them by these names

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}{prefix}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
