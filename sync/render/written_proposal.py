"""A written proposal as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sync.submit import Proposal


def proposal_json(written: Proposal) -> dict[str, Any]:
    """The proposal as `propose`, `rollback` and `drift --propose` print it in JSON."""
    return {
        "branch": written.branch,
        "commit": written.commit,
        "files": list(written.files),
        "url": written.url,
    }


def proposal_lines(written: Proposal, *, pushed: bool) -> Iterator[str]:
    """Branch, commit and files, and what comes next."""
    yield f"{written.branch}  {written.commit[:12]}  from {written.base}"
    for file in written.files:
        added, removed = written.counts[file]
        yield f"  {file}  +{added} -{removed}"
    if written.opened:
        yield f"pull request: {written.url}"
    elif written.url:
        yield f"open the pull request: {written.url}"
    elif pushed:
        yield "pushed; open the pull request on your forge"
    else:
        yield f"look at it: git show {written.branch}"
        yield f"measure it: ratecard plan --ref {written.branch}"
        yield f"publish it: git push origin {written.branch}"


__all__ = ["proposal_json", "proposal_lines"]
