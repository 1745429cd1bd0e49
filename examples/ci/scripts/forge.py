"""The API of GitHub and GitLab, as far as comments on pull requests and issues go. For post.py.

The settings are environment variables; README.md lists them. Only Python's standard library is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

PAGE = 100
SECONDS = 30
ACTIONS_USER = "github-actions[bot]"
"""Who writes with the token of a GitHub workflow; that token may not ask who it is."""


class ForgeError(Exception):
    """What the forge refused, or a setting that is missing; the message is for the log of the job."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a forge says things. Places begin after the API's address and name {repository}, {request} and {number}."""

    name: str
    token: str
    """The header of the token."""
    comments: str
    oldest_first: Mapping[str, str]
    """What asks for the comments in that order, where it is not the forge's own."""
    comment: str
    issues: str
    issue: str
    open: str
    """The state of issues that are open."""
    number: str
    """The field by which an issue is addressed."""
    body: str
    """The field of an issue's text."""
    author: tuple[str, str]
    change: str
    """The verb that changes something."""
    close: Mapping[str, str]
    limit: int
    """Characters that a text may take, a little under what the forge refuses."""


DIALECTS = {
    "github": Dialect(
        name="GitHub",
        token="Authorization: Bearer {}",  # noqa: S106 - a template
        comments="/repos/{repository}/issues/{request}/comments",
        oldest_first={},
        comment="/repos/{repository}/issues/comments/{number}",
        issues="/repos/{repository}/issues",
        issue="/repos/{repository}/issues/{number}",
        open="open",
        number="number",
        body="body",
        author=("user", "login"),
        change="PATCH",
        close={"state": "closed"},
        limit=65_000,
    ),
    "gitlab": Dialect(
        name="GitLab",
        token="PRIVATE-TOKEN: {}",  # noqa: S106 - a template
        comments="/projects/{repository}/merge_requests/{request}/notes",
        oldest_first={"sort": "asc", "order_by": "created_at"},
        comment="/projects/{repository}/merge_requests/{request}/notes/{number}",
        issues="/projects/{repository}/issues",
        issue="/projects/{repository}/issues/{number}",
        open="opened",
        number="iid",
        body="description",
        author=("author", "username"),
        change="PUT",
        close={"state_event": "close"},
        limit=900_000,
    ),
}


@dataclass(frozen=True, slots=True)
class Post:
    """A comment or an issue. `number` is what the API addresses it by."""

    number: int
    author: str
    text: str


class _StayHere(HTTPRedirectHandler):
    """The token goes to the forge that was named, and along no redirect."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Forge:
    """The API of one repository."""

    def __init__(self, dialect: Dialect, api: str, repository: str, token: str, user: str | None) -> None:
        self.dialect = dialect
        self._api = api.rstrip("/")
        self._repository = repository
        self._token = token
        self._user = user

    def call(self, method: str, place: str, fields: Mapping[str, str] | None = None, **names: object) -> Any:
        """One request; returns the JSON of the answer. Raises ForgeError when the forge refuses or is away."""
        path = place.format(repository=self._repository, **names)
        header, _, value = self.dialect.token.format(self._token).partition(": ")
        request = Request(  # noqa: S310 - the address is a setting of the job
            self._api + path,
            method=method,
            data=None if fields is None else json.dumps(fields).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "ratecard-ci", header: value},
        )
        try:
            with build_opener(_StayHere).open(request, timeout=SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            reason = error.read(500).decode(errors="replace").strip() or error.reason
            told = f"{self.dialect.name} answered {error.code} to {method} {path.partition('?')[0]}: {reason}"
            raise ForgeError(told, error.code) from None
        except (OSError, HTTPException, ValueError) as error:
            raise ForgeError(f"{self.dialect.name} at {self._api} gave no answer: {error}") from None

    def pages(self, place: str, query: Mapping[str, str], **names: object) -> Iterator[Mapping[str, Any]]:
        """Every entry of a list, oldest first, page by page."""
        page = 1
        while True:
            wanted = urlencode({**query, "per_page": PAGE, "page": page})
            found = self.call("GET", f"{place}?{wanted}", None, **names)
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def me(self) -> str:
        """The account that the token writes as."""
        if self._user is None:
            try:
                self._user = str(self.call("GET", "/user")[self.dialect.author[1]])
            except ForgeError as error:
                if error.status != 403 or self.dialect.name != "GitHub":
                    raise
                self._user = ACTIONS_USER
        return self._user

    def comments(self, request: str) -> Iterator[Post]:
        """The comments on a pull request."""
        for found in self.pages(self.dialect.comments, self.dialect.oldest_first, request=request):
            yield Post(found["id"], self._author(found), found["body"] or "")

    def issues(self) -> Iterator[Post]:
        """The open issues; GitHub lists pull requests among them."""
        for found in self.pages(self.dialect.issues, {"state": self.dialect.open}):
            if "pull_request" not in found:
                yield Post(found[self.dialect.number], self._author(found), found[self.dialect.body] or "")

    def own(self, posts: Iterator[Post], marker: str) -> Post | None:
        """The first that begins with a marker and is the token's own."""
        return next((post for post in posts if post.text.startswith(marker) and post.author == self.me()), None)

    def _author(self, found: Mapping[str, Any]) -> str:
        person, name = self.dialect.author
        return str((found[person] or {}).get(name))


def forge_of(environment: Mapping[str, str]) -> Forge:
    """The forge that the settings name. Raises ForgeError for the first that is missing."""
    kind = environment.get("RATECARD_FORGE") or ("gitlab" if environment.get("GITLAB_CI") else "github")
    if kind not in DIALECTS:
        raise ForgeError(f"RATECARD_FORGE is {kind!r}; it must be github or gitlab")
    api, repository = {"github": ("GITHUB_API_URL", "GITHUB_REPOSITORY"), "gitlab": ("CI_API_V4_URL", "CI_PROJECT_ID")}[
        kind
    ]
    address = setting(environment, "RATECARD_FORGE_API", api, what="the address of the forge's API")
    name = setting(environment, "RATECARD_FORGE_REPOSITORY", repository, what="the repository, as the API names it")
    token = setting(environment, "RATECARD_FORGE_TOKEN", what="the token that writes comments and issues")
    path = quote(name, safe="/" if kind == "github" else "")
    return Forge(DIALECTS[kind], address, path, token, environment.get("RATECARD_FORGE_USER") or None)


def setting(environment: Mapping[str, str], *names: str, what: str) -> str:
    """The first of the variables that is set. Raises ForgeError when none is."""
    for name in names:
        if environment.get(name):
            return environment[name]
    raise ForgeError(f"{' or '.join(names)} is not set: {what}")
