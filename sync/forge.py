"""Where a pull request is opened: the page of the forge that a branch was pushed to."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from schema.documents.policy import Forge

_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?!//)(?P<path>[^\s]+)")
_NETWORK = ("https", "http", "ssh", "git")


def pull_request_url(branch: str, base: str, *, forge: Forge | None, remote_url: str | None) -> str | None:
    """The address at which a pull request of `branch` into `base` is opened.

    The policy's forge decides; without one, the remote's address when it is GitHub's or GitLab's. None for any other.
    """
    if forge is not None:
        return _address(forge.kind, forge.url.rstrip("/").removesuffix(".git"), branch, base)
    place = _host_and_path(remote_url or "")
    if place is None:
        return None
    host, path = place
    kind = next((kind for kind in ("github", "gitlab") if kind in host.lower()), None)
    return None if kind is None else _address(kind, f"https://{host}/{path}", branch, base)


def _address(kind: str, page: str, branch: str, base: str) -> str:
    if kind == "github":
        return f"{page}/compare/{quote(base, safe='/')}...{quote(branch, safe='/')}?expand=1"
    source, target = quote(branch, safe=""), quote(base, safe="")
    return (
        f"{page}/-/merge_requests/new?merge_request%5Bsource_branch%5D={source}"
        f"&merge_request%5Btarget_branch%5D={target}"
    )


def _host_and_path(url: str) -> tuple[str, str] | None:
    """Host and path of a remote's address, without user, password, port of ssh and `.git`."""
    parts = urlsplit(url)
    if parts.scheme in _NETWORK and parts.hostname:
        port = f":{parts.port}" if parts.port and parts.scheme in ("http", "https") else ""
        host, path = parts.hostname + port, parts.path
    else:
        match = _SCP.fullmatch(url)
        if match is None:
            return None
        host, path = match["host"], match["path"]
    path = path.strip("/").removesuffix(".git")
    return (host, path) if path else None
