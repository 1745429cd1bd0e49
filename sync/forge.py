"""The forge that a branch is pushed to: its pages, the address of its API, and the variables that hold its token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from schema.documents.policy import Forge

_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?!//)(?P<path>[^\s]+)")
_NETWORK = ("https", "http", "ssh", "git")
_TOKENS = {"github": ("GH_TOKEN", "GITHUB_TOKEN"), "gitlab": ("GITLAB_TOKEN",)}
_PUBLIC = {"github": "github.com", "gitlab": "gitlab.com"}


@dataclass(frozen=True, slots=True)
class ForgePage:
    """The page of a repository on a forge.

    `api` is where the forge's API answers, `tokens` name the variables in which a token for it is looked for; none
    for a host that only an address of a remote names and that is not the forge's own.
    """

    kind: str
    url: str
    path: str
    api: str
    tokens: tuple[str, ...]

    @property
    def host(self) -> str:
        """The forge's name in messages."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def new_request(self, branch: str, base: str) -> str:
        """The address at which a pull request of `branch` into `base` is opened by hand."""
        if self.kind == "github":
            return f"{self.url}/compare/{quote(base, safe='/')}...{quote(branch, safe='/')}?expand=1"
        source, target = quote(branch, safe=""), quote(base, safe="")
        return (
            f"{self.url}/-/merge_requests/new?merge_request%5Bsource_branch%5D={source}"
            f"&merge_request%5Btarget_branch%5D={target}"
        )

    def commit(self, sha: str) -> str:
        """The address of a commit's page."""
        return f"{self._inside}/commit/{sha}"

    def lines(self, sha: str, file: str, first: int, last: int) -> str:
        """The address of some lines of a file at a commit."""
        end = f"-{'L' if self.kind == 'github' else ''}{last}" if last > first else ""
        return f"{self._inside}/blob/{sha}/{quote(file)}#L{first}{end}"

    @property
    def _inside(self) -> str:
        return self.url if self.kind == "github" else f"{self.url}/-"

    def token(self, environment: Mapping[str, str]) -> str | None:
        """The first token that the environment holds."""
        return next((environment[name].strip() for name in self.tokens if environment.get(name, "").strip()), None)


def page_of(forge: Forge | None, remote_url: str | None) -> ForgePage | None:
    """The page that the policy names, else the one that the remote's address tells when it is GitHub's or GitLab's.

    None for any other.
    """
    try:
        return _named_page(forge) if forge is not None else _remotes_page(remote_url or "")
    except ValueError:
        # What is no address at all, such as a host in half a pair of brackets.
        return None


def _named_page(forge: Forge) -> ForgePage:
    url = forge.url.rstrip("/").removesuffix(".git")
    tokens = (forge.token_env,) if forge.token_env else _TOKENS[forge.kind]
    return _page(forge.kind, url, forge.api_url, tokens)


def _remotes_page(remote_url: str) -> ForgePage | None:
    place = _host_and_path(remote_url)
    if place is None:
        return None
    host, path = place
    kind = next((kind for kind in _PUBLIC if kind in host.lower()), None)
    if kind is None:
        return None
    # A remote's address is nobody's word that a token may go there.
    tokens = _TOKENS[kind] if host.lower() == _PUBLIC[kind] else ()
    return _page(kind, f"https://{host}/{path}", None, tokens)


def _page(kind: str, url: str, api: str | None, tokens: tuple[str, ...]) -> ForgePage:
    parts = urlsplit(url)
    root, path = "", parts.path.strip("/")
    if api is None:
        api = _api(kind, parts.scheme or "https", parts.netloc)
    elif kind == "gitlab":
        # GitLab may live in a folder of its host; projects are named without it.
        root = urlsplit(api).path.strip("/").removesuffix("api/v4").strip("/")
        path = path.removeprefix(f"{root}/") if root else path
    return ForgePage(kind, url, path, api.rstrip("/"), tokens)


def _api(kind: str, scheme: str, host: str) -> str:
    if kind == "gitlab":
        return f"{scheme}://{host}/api/v4"
    return "https://api.github.com" if host.lower() in ("github.com", "www.github.com") else f"{scheme}://{host}/api/v3"


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


__all__ = ["ForgePage", "page_of"]
