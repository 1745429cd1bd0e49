"""The pull request of a pushed branch: opened where the environment holds a token, else how to open it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync.errors import ForgeError
from sync.forge import ForgePage


@dataclass(frozen=True, slots=True)
class PullRequest:
    """`url` is its page when `opened`, else the page that opens it; None where no forge is known.

    `notes` say why it is not open.
    """

    url: str | None
    opened: bool = False
    notes: tuple[str, ...] = ()


def open_request(
    page: ForgePage | None, branch: str, base: str, title: str, body: str, environment: Mapping[str, str]
) -> PullRequest:
    """Open the pull request of a branch that the forge has; what the forge refuses does not raise."""
    if page is None:
        return PullRequest(None)
    by_hand = page.new_request(branch, base)
    if page.token(environment) is None:
        return PullRequest(by_hand)
    from sync.forge_api import request_of

    try:
        return PullRequest(request_of(page, branch, base, title, body, environment), opened=True)
    except ForgeError as error:
        note = f"{branch} is pushed, but its pull request is not opened: {error}; open it at {by_hand}"
        return PullRequest(by_hand, notes=(note,))


__all__ = ["PullRequest", "open_request"]
