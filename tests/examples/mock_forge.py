"""A forge for tests: the part of GitHub's and GitLab's API that the CI scripts use, over real HTTP.

It pages as they do, knows who a token belongs to, and refuses what they refuse: a foreign token, a text that is too
long, changing somebody else's comment. `posts` and `issues` are what it holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROBOT = "ratecard-robot"
TOKENS = {"robot-token": ROBOT, "workflow-token": "github-actions[bot]"}
LIMITS = {"github": 65_536, "gitlab": 1_000_000}
REPOSITORY = {"github": "team/rates", "gitlab": "group/sub/rates"}

Answer = tuple[int, Any]


class MockForge:
    """One repository with a pull request 7."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.url = ""
        self.posts: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.moved_to: str | None = None

    def add_comment(self, author: str, text: str) -> int:
        """A comment; returns its number."""
        number = len(self.posts) + 1
        self.posts.append({"id": number, "body": text, **self._by(author)})
        return number

    def add_issue(self, author: str, title: str, text: str, **more: Any) -> int:
        """An open issue; returns its number."""
        number, field = len(self.issues) + 1, "body" if self.kind == "github" else "description"
        key = "number" if self.kind == "github" else "iid"
        state = "open" if self.kind == "github" else "opened"
        self.issues.append({key: number, "title": title, field: text, "state": state, **self._by(author), **more})
        return number

    def comments_of(self, author: str) -> list[str]:
        """The texts of somebody's comments."""
        return [post["body"] for post in self.posts if self._author(post) == author]

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Answer:
        """The answer to one request."""
        path = urlsplit(target).path
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        self.asked.append((method, path))
        given = headers.get("Authorization", "").removeprefix("Bearer ")
        token = given if self.kind == "github" else headers.get("PRIVATE-TOKEN", "")
        user = TOKENS.get(token)
        if user is None:
            return 401, {"message": "Bad credentials"}
        if (method, path) == ("GET", "/user"):
            if token == "workflow-token":
                return 403, {"message": "Resource not accessible by integration"}
            return 200, {"login" if self.kind == "github" else "username": user}
        fields = json.loads(body) if body else {}
        if any(len(text) > LIMITS[self.kind] for text in fields.values()):
            return 422, {"message": "body is too long"}
        for verb, pattern, act in self._routes():
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                return act(user, query, fields, *match.groups())
        return 404, {"message": "Not Found"}

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Answer]]]:
        if self.kind == "github":
            comments, change = r"/repos/team/rates/issues/7/comments", "PATCH"
            comment, issues = r"/repos/team/rates/issues/comments/(\d+)", r"/repos/team/rates/issues"
            yield "GET", r"/repos/team/rates/pulls", self._list_requests
        else:
            comments, change = r"/projects/group%2Fsub%2Frates/merge_requests/7/notes", "PUT"
            comment, issues = comments + r"/(\d+)", r"/projects/group%2Fsub%2Frates/issues"
        yield "GET", comments, lambda user, query, fields: self._page(self._sorted(query), query)
        yield "POST", comments, self._create_comment
        yield change, comment, self._change_comment
        yield "GET", issues, self._list_issues
        yield "POST", issues, self._create_issue
        yield change, issues + r"/(\d+)", self._change_issue

    def _sorted(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """GitLab begins with the newest unless it is asked not to."""
        return self.posts if self.kind == "github" or query.get("sort") == "asc" else self.posts[::-1]

    def _page(self, found: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        size = min(int(query.get("per_page", 30)), 100)
        start = (int(query.get("page", 1)) - 1) * size
        return 200, found[start : start + size]

    def _create_comment(self, user: str, query: object, fields: dict[str, str]) -> Answer:
        return 201, self.posts[self.add_comment(user, fields["body"]) - 1]

    def _change_comment(self, user: str, query: object, fields: dict[str, str], number: str) -> Answer:
        post = self.posts[int(number) - 1]
        if self._author(post) != user:
            return 403, {"message": "Must have admin rights"}
        post.update(fields)
        return 200, post

    def _list_issues(self, user: str, query: dict[str, str], fields: object) -> Answer:
        return self._page([issue for issue in self.issues if issue["state"] == query["state"]], query)

    def _create_issue(self, user: str, query: object, fields: dict[str, str]) -> Answer:
        text = fields["body" if self.kind == "github" else "description"]
        return 201, self.issues[self.add_issue(user, fields["title"], text) - 1]

    def _change_issue(self, user: str, query: object, fields: dict[str, str], number: str) -> Answer:
        issue = self.issues[int(number) - 1]
        issue.update(fields)
        if issue.pop("state_event", None) == "close":
            issue["state"] = "closed"
        return 200, issue

    def _list_requests(self, user: str, query: dict[str, str], fields: object) -> Answer:
        named = [one for one in self.requests if one["head"]["label"] == query["head"]]
        return self._page([one for one in named if one["state"] == query["state"]], query)

    def _by(self, author: str) -> dict[str, Any]:
        return {"user": {"login": author}} if self.kind == "github" else {"author": {"username": author}}

    def _author(self, post: dict[str, Any]) -> str:
        return str(post["user"]["login"] if self.kind == "github" else post["author"]["username"])


@contextmanager
def served(kind: str) -> Iterator[MockForge]:
    """A mock forge at an address of this computer, until the block ends."""
    forge = MockForge(kind)

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = forge.answer(self.command, self.path, self.headers, body)
            data = json.dumps(answer).encode()
            self.send_response(307 if forge.moved_to else status)
            if forge.moved_to:
                self.send_header("Location", forge.moved_to + self.path)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = respond  # noqa: N815 - the names are http.server's

        def log_message(self, *arguments: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forge.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
