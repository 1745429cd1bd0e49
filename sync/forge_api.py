"""Pull requests opened through the API of GitHub and GitLab.

The token goes to the forge's API and nowhere else: over https (plain http only to this computer), never along a
redirect, never into a message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from sync.errors import ForgeError
from sync.forge import ForgePage

SECONDS = 20
_MAX_BYTES = 4 * 1024 * 1024
_LOCAL = ("127.0.0.1", "localhost", "::1")
_EXISTS = {"github": 422, "gitlab": 409}
"""What a forge answers when the branch has an open request already."""


def request_of(page: ForgePage, branch: str, base: str, title: str, body: str, environment: Mapping[str, str]) -> str:
    """Open a pull request and return its page; that of the one which is open already, if there is one.

    Raises ForgeError when the environment holds no token, and when the forge refuses or cannot be reached.
    """
    token = page.token(environment)
    if token is None:
        raise ForgeError(f"there is no token; set {' or '.join(page.tokens)}")
    if not (token.isascii() and token.isprintable()):
        raise ForgeError("the token holds a character that no token has")
    place, fields = _create(page, branch, base, title, body)
    try:
        return _page_in(_call(page, token, "POST", place, fields), page)
    except _RefusedCallError as refusal:
        if refusal.status != _EXISTS[page.kind]:
            raise
        known = _call(page, token, "GET", _find(page, place, branch, base))
        if isinstance(known, list) and known:
            return _page_in(known[0], page)
        raise


class _RefusedCallError(ForgeError):
    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def _create(page: ForgePage, branch: str, base: str, title: str, body: str) -> tuple[str, dict[str, str]]:
    if page.kind == "github":
        if page.path.count("/") != 1:
            raise ForgeError(f"'{page.path}' is not OWNER/REPOSITORY")
        return f"repos/{quote(page.path)}/pulls", {"title": title, "head": branch, "base": base, "body": body}
    fields = {"source_branch": branch, "target_branch": base, "title": title, "description": body}
    return f"projects/{quote(page.path, safe='')}/merge_requests", fields


def _find(page: ForgePage, place: str, branch: str, base: str) -> str:
    if page.kind == "github":
        owner = page.path.partition("/")[0]
        return f"{place}?{urlencode({'state': 'open', 'head': f'{owner}:{branch}', 'base': base})}"
    return f"{place}?{urlencode({'state': 'opened', 'source_branch': branch, 'target_branch': base})}"


def _call(page: ForgePage, token: str, method: str, place: str, fields: Mapping[str, str] | None = None) -> Any:
    url, host = f"{page.api}/{place}", _checked_host(page.api)
    data = None if fields is None else json.dumps(fields).encode()
    request = Request(url, data, _headers(page.kind, token), method=method)  # noqa: S310 - the scheme is checked here
    handlers = [_NoRedirect(), *([ProxyHandler({})] if host in _LOCAL else [])]
    try:
        with build_opener(*handlers).open(request, timeout=SECONDS) as answer:
            return _decoded(answer, page)
    except HTTPError as error:
        with error:
            raise _RefusedCallError(error.code, f"{page.host} answered {error.code}{_reason(error, token)}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ForgeError(f"{page.host} cannot be reached: {_line(str(reason), token)}") from None


class _NoRedirect(HTTPRedirectHandler):
    """Elsewhere is not where the token is for."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _headers(kind: str, token: str) -> dict[str, str]:
    common = {"Content-Type": "application/json", "User-Agent": "ratecard"}
    if kind == "gitlab":
        return {**common, "Accept": "application/json", "PRIVATE-TOKEN": token}
    accepted = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    return {**common, **accepted, "Authorization": f"Bearer {token}"}


def _checked_host(api: str) -> str:
    parts = urlsplit(api)
    host = parts.hostname or ""
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)):
        raise ForgeError(f"'{api}' is not an https address, so no token is sent there")
    return host


def _decoded(answer: IO[bytes], page: ForgePage) -> Any:
    try:
        return json.loads(answer.read(_MAX_BYTES))
    except ValueError:
        raise ForgeError(f"{page.host} answered something that is not JSON") from None


def _page_in(request: Any, page: ForgePage) -> str:
    url = request.get("html_url" if page.kind == "github" else "web_url") if isinstance(request, dict) else None
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ForgeError(f"{page.host} did not say where the pull request is")
    return url


def _reason(error: HTTPError, token: str) -> str:
    """What the forge says about its refusal, in one line."""
    try:
        said = json.loads(error.read(_MAX_BYTES))
    except (OSError, ValueError, HTTPException):
        return ""
    if not isinstance(said, dict):
        return ""
    parts = [said.get("message"), said.get("error")]
    for fault in said.get("errors") or () if isinstance(said.get("errors"), list) else ():
        parts.append(fault.get("message") if isinstance(fault, dict) else fault)
    words = "; ".join(_text(part) for part in parts if part)
    return f": {_line(words, token)}" if words else ""


def _text(part: Any) -> str:
    return ", ".join(map(str, part)) if isinstance(part, list) else str(part)


def _line(text: str, token: str) -> str:
    line = "".join(character if character.isprintable() else " " for character in text.replace(token, "…"))
    return " ".join(line.split())[:300]


__all__ = ["request_of"]
