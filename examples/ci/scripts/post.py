"""One comment on a pull request, or one issue, kept up to date on GitHub or GitLab.

    post.py comment [--only-update] FILE
    post.py issue --title TITLE FILE
    post.py close-issue
    post.py find-request OWNER BRANCH COMMIT     (GitHub)

A file begins with a hidden marker, by which its comment is found again: the oldest one that begins with the marker and
was written by the token's own account. Everybody else's are left alone, also those that quote the marker.
`find-request` prints the number of the open pull request of a fork's branch that stands at a commit, if there is one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from forge import Forge, ForgeError, forge_of, setting

MARKER = "<!-- ratecard-"
DRIFT_MARKER = "<!-- ratecard-drift -->"


def write_comment(forge: Forge, request: str, text: str, *, only_update: bool) -> str:
    """Update the comment of the text's marker, or begin it; returns what was done."""
    known = forge.own(forge.comments(request), marker_of(text))
    fields = {"body": text}
    if known is not None:
        place = forge.dialect.comment
        forge.call(forge.dialect.change, place, fields, request=request, number=known.number)
        return f"updated comment {known.number}"
    if only_update:
        return "no comment: nothing changes"
    made = forge.call("POST", forge.dialect.comments, fields, request=request)
    return f"began comment {made['id']}"


def write_issue(forge: Forge, title: str, text: str) -> str:
    """Update the open issue of the text's marker, or open it; returns what was done."""
    known = forge.own(forge.issues(), marker_of(text))
    fields = {"title": title, forge.dialect.body: text}
    if known is not None:
        forge.call(forge.dialect.change, forge.dialect.issue, fields, number=known.number)
        return f"updated issue {known.number}"
    made = forge.call("POST", forge.dialect.issues, fields)
    return f"opened issue {made[forge.dialect.number]}"


def close_issue(forge: Forge, marker: str) -> str:
    """Close the open issue of a marker, if there is one; returns what was done."""
    known = forge.own(forge.issues(), marker)
    if known is None:
        return "no issue is open"
    forge.call(forge.dialect.change, forge.dialect.issue, forge.dialect.close, number=known.number)
    return f"closed issue {known.number}"


def find_request(forge: Forge, owner: str, branch: str, commit: str) -> str:
    """The number of the open pull request of a fork's branch that stands at a commit; nothing when there is none."""
    query = {"state": "open", "head": f"{owner}:{branch}"}
    found = forge.pages("/repos/{repository}/pulls", query)
    return next((str(request["number"]) for request in found if request["head"]["sha"] == commit), "")


def marker_of(text: str) -> str:
    """The hidden marker that a text begins with. Raises ForgeError when there is none."""
    marker, end, _ = text.partition("-->")
    if not (end and text.startswith(MARKER)):
        raise ForgeError(f"the text must begin with a marker such as {DRIFT_MARKER}")
    return marker + end


def fitted(text: str, limit: int, run: str | None) -> str:
    """The text with a link to its run, cut after a line when it is too long for the forge."""
    note = f"\n\n[The run and its whole plan]({run})\n" if run else "\n"
    room = limit - len(note)
    if len(text) <= room:
        return text.rstrip("\n") + note
    cut = "\n\n**The rest is too long for a comment.**"
    return text[: text.rindex("\n", 0, room - len(cut))] + cut + note


def run_page(environment: Mapping[str, str]) -> str | None:
    """The page of this run."""
    parts = [environment.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    actions = "{}/{}/actions/runs/{}".format(*parts) if all(parts) else None
    return environment.get("RATECARD_RUN_URL") or actions or environment.get("CI_JOB_URL")


def run(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Do one command; returns what to print."""
    parser = argparse.ArgumentParser(prog="post.py", description="Keep one comment or issue up to date.")
    commands = parser.add_subparsers(dest="command", required=True)
    comment = commands.add_parser("comment")
    comment.add_argument("--only-update", action="store_true")
    comment.add_argument("file", type=Path)
    issue = commands.add_parser("issue")
    issue.add_argument("--title", required=True)
    issue.add_argument("file", type=Path)
    commands.add_parser("close-issue")
    request = commands.add_parser("find-request")
    for name in ("owner", "branch", "commit"):
        request.add_argument(name)
    arguments = parser.parse_args(words)
    forge = forge_of(environment)
    if arguments.command == "close-issue":
        return close_issue(forge, DRIFT_MARKER)
    if arguments.command == "find-request":
        return find_request(forge, arguments.owner, arguments.branch, arguments.commit)
    text = fitted(arguments.file.read_text(encoding="utf-8"), forge.dialect.limit, run_page(environment))
    if arguments.command == "issue":
        return write_issue(forge, arguments.title, text)
    what = "the number of the pull request"
    number = setting(environment, "RATECARD_PULL_REQUEST", "CI_MERGE_REQUEST_IID", what=what)
    return write_comment(forge, number, text, only_update=arguments.only_update)


def main() -> int:
    """Run one command of the command line; 1 with one message when the forge refuses or a setting is missing."""
    try:
        sys.stdout.write(f"{run(sys.argv[1:], os.environ)}\n")
    except (ForgeError, OSError) as error:
        sys.stderr.write(f"ratecard-ci: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
