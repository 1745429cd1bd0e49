"""The CI kit's comment and issue, against a forge that answers as GitHub and GitLab do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.examples.mock_forge import REPOSITORY, ROBOT, MockForge, served

POST = Path(__file__).parents[2] / "examples" / "ci" / "scripts" / "post.py"
PLAN = "<!-- ratecard-plan -->\n### Ratecard: 1 to update\n"
DRIFT = "<!-- ratecard-drift -->\nThey do not agree.\n"

Post = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest) -> Iterator[MockForge]:
    with served(request.param) as forge:
        yield forge


@pytest.fixture
def github() -> Iterator[MockForge]:
    with served("github") as forge:
        yield forge


@pytest.fixture
def post(tmp_path: Path) -> Post:
    def run(
        forge: MockForge, *words: str, text: str | None = None, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        if text is not None:
            (tmp_path / "text.md").write_text(text)
            words = (*words, str(tmp_path / "text.md"))
        environment = {
            "PATH": os.environ["PATH"],
            "NO_PROXY": "127.0.0.1",
            "RATECARD_FORGE": forge.kind,
            "RATECARD_FORGE_API": forge.url,
            "RATECARD_FORGE_REPOSITORY": REPOSITORY[forge.kind],
            "RATECARD_FORGE_TOKEN": "robot-token",
            "RATECARD_PULL_REQUEST": "7",
            **settings,
        }
        command = [sys.executable, str(POST), *words]
        return subprocess.run(
            command, env={k: v for k, v in environment.items() if v}, capture_output=True, text=True, check=False
        )

    return run


def test_a_comment_is_begun_once_and_then_updated(forge: MockForge, post: Post) -> None:
    """One comment is kept up to date; a request is not flooded."""
    assert post(forge, "comment", text=PLAN).stdout == "began comment 1\n"
    assert post(forge, "comment", text=PLAN + "More.\n").stdout == "updated comment 1\n"
    assert forge.comments_of(ROBOT) == [PLAN + "More.\n"]


def test_it_is_found_behind_pages_of_others(forge: MockForge, post: Post) -> None:
    for number in range(150):
        forge.add_comment("somebody", f"Comment {number}")
    forge.add_comment(ROBOT, PLAN)
    for number in range(150):
        forge.add_comment("somebody", f"Later comment {number}")
    assert post(forge, "comment", text=PLAN + "More.\n").stdout == "updated comment 151\n"
    assert len(forge.posts) == 301


def test_exactly_full_pages_end(forge: MockForge, post: Post) -> None:
    for number in range(100):
        forge.add_comment("somebody", f"Comment {number}")
    assert post(forge, "comment", text=PLAN).stdout == "began comment 101\n"


def test_the_oldest_own_one_is_kept_up_to_date(forge: MockForge, post: Post) -> None:
    for text in (PLAN, PLAN + "Second.\n"):
        forge.add_comment(ROBOT, text)
    post(forge, "comment", text=PLAN + "More.\n")
    assert forge.comments_of(ROBOT) == [PLAN + "More.\n", PLAN + "Second.\n"]


def test_comments_of_others_are_left_alone(forge: MockForge, post: Post) -> None:
    """Those that begin with the marker, those that quote it, and own ones that quote it or have another marker."""
    others = [("somebody", PLAN), ("somebody", f"I saw this:\n{PLAN}"), (ROBOT, f"> {PLAN}"), (ROBOT, DRIFT)]
    for author, text in others:
        forge.add_comment(author, text)
    assert post(forge, "comment", text=PLAN).stdout == "began comment 5\n"
    assert [post["body"] for post in forge.posts] == [*(text for _, text in others), PLAN]


def test_only_update_begins_none(forge: MockForge, post: Post) -> None:
    assert post(forge, "comment", "--only-update", text=PLAN).stdout == "no comment: nothing changes\n"
    assert forge.posts == []
    post(forge, "comment", text=PLAN)
    post(forge, "comment", "--only-update", text=PLAN + "Nothing.\n")
    assert forge.comments_of(ROBOT) == [PLAN + "Nothing.\n"]


def test_a_workflow_token_cannot_ask_who_it_is(github: MockForge, post: Post) -> None:
    github.add_comment("somebody", PLAN)
    for _ in range(2):
        done = post(github, "comment", text=PLAN, RATECARD_FORGE_TOKEN="workflow-token")
        assert done.returncode == 0, done.stderr
    assert len(github.comments_of("github-actions[bot]")) == 1


def test_the_account_may_be_named(forge: MockForge, post: Post) -> None:
    forge.add_comment(ROBOT, PLAN)
    post(forge, "comment", text=PLAN, RATECARD_FORGE_USER=ROBOT)
    assert [method for method, path in forge.asked if path == "/user"] == []
    assert len(forge.posts) == 1


def test_what_is_too_long_is_cut_after_a_line(github: MockForge, post: Post) -> None:
    """No comment is longer than a forge takes."""
    text = PLAN + "".join(f"| row {number} of many |\n" for number in range(5_000))
    done = post(github, "comment", text=text, RATECARD_RUN_URL="https://ci.example.com/runs/1")
    assert done.returncode == 0, done.stderr
    (told,) = github.comments_of(ROBOT)
    assert 64_900 < len(told) <= 65_000
    kept, _, rest = told.partition("\n\n**The rest")
    assert text.startswith(kept + "\n")
    assert rest == " is too long for a comment.**\n\n[The run and its whole plan](https://ci.example.com/runs/1)\n"


def test_the_page_of_the_run(github: MockForge, post: Post) -> None:
    settings = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "team/rates",
        "GITHUB_RUN_ID": "42",
        "RATECARD_FORGE_REPOSITORY": "",
    }
    post(github, "comment", text=PLAN, **settings)
    page = "https://github.com/team/rates/actions/runs/42"
    assert github.comments_of(ROBOT) == [f"{PLAN}\n[The run and its whole plan]({page})\n"]


def test_an_issue_is_opened_updated_and_closed(forge: MockForge, post: Post) -> None:
    forge.add_issue("somebody", "The same words", DRIFT)
    forge.add_issue(ROBOT, "An old one", DRIFT, state="closed")
    if forge.kind == "github":
        forge.add_issue(ROBOT, "A pull request", DRIFT, pull_request={})
    others = len(forge.issues)
    titled = ("issue", "--title", "Drift")
    assert post(forge, *titled, text=DRIFT).stdout == f"opened issue {others + 1}\n"
    assert post(forge, *titled, text=DRIFT + "More.\n").stdout == f"updated issue {others + 1}\n"
    body = "body" if forge.kind == "github" else "description"
    assert [issue["title"] for issue in forge.issues].count("Drift") == 1
    assert forge.issues[-1][body] == DRIFT + "More.\n"
    assert post(forge, "close-issue").stdout == f"closed issue {others + 1}\n"
    assert forge.issues[-1]["state"] == "closed"
    assert post(forge, "close-issue").stdout == "no issue is open\n"
    assert forge.issues[0]["state"] != "closed"


def test_the_request_of_a_fork_is_found_by_its_commit(github: MockForge, post: Post) -> None:
    def request(number: int, label: str, sha: str, state: str = "open") -> None:
        github.requests.append({"number": number, "state": state, "head": {"label": label, "sha": sha}})

    request(3, "fork:prices", "old", "closed")
    request(4, "other:prices", "new")
    request(5, "fork:prices", "new")
    for commit, said in (("new", "5\n"), ("old", "\n")):
        assert post(github, "find-request", "fork", "prices", commit).stdout == said


def test_a_refusal_is_one_message(forge: MockForge, post: Post) -> None:
    done = post(forge, "comment", text=PLAN, RATECARD_PULL_REQUEST="8")
    name = {"github": "GitHub", "gitlab": "GitLab"}[forge.kind]
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ratecard-ci: {name} answered 404 to GET /")
    assert len(done.stderr.splitlines()) == 1
    done = post(forge, "comment", text=PLAN, RATECARD_FORGE_TOKEN="foreign-token")
    assert "answered 401" in done.stderr
    assert "foreign-token" not in done.stderr


def test_the_token_follows_no_redirect(github: MockForge, post: Post) -> None:
    with served("github") as other:
        github.moved_to = other.url
        done = post(github, "comment", text=PLAN)
    assert done.returncode == 1
    assert done.stderr.startswith("ratecard-ci: GitHub answered 307 to GET /repos/")
    assert other.asked == []


def test_a_forge_that_is_away_is_one_message(github: MockForge, post: Post) -> None:
    done = post(github, "comment", text=PLAN, RATECARD_FORGE_API="http://127.0.0.1:1")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("ratecard-ci: GitHub at http://127.0.0.1:1 gave no answer: ")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("RATECARD_FORGE_TOKEN", "RATECARD_FORGE_TOKEN is not set: the token that writes comments and issues"),
        ("RATECARD_FORGE_API", "RATECARD_FORGE_API or {api} is not set: the address of the forge's API"),
        (
            "RATECARD_FORGE_REPOSITORY",
            "RATECARD_FORGE_REPOSITORY or {repository} is not set: the repository, as the API names it",
        ),
        (
            "RATECARD_PULL_REQUEST",
            "RATECARD_PULL_REQUEST or CI_MERGE_REQUEST_IID is not set: the number of the pull request",
        ),
    ],
)
def test_a_missing_setting_is_named(forge: MockForge, post: Post, setting: str, message: str) -> None:
    own = {"github": ("GITHUB_API_URL", "GITHUB_REPOSITORY"), "gitlab": ("CI_API_V4_URL", "CI_PROJECT_ID")}
    api, repository = own[forge.kind]
    done = post(forge, "comment", text=PLAN, **{setting: ""})
    assert (done.returncode, done.stderr) == (1, f"ratecard-ci: {message.format(api=api, repository=repository)}\n")
    assert forge.posts == []


def test_an_unknown_forge_is_refused(github: MockForge, post: Post) -> None:
    done = post(github, "comment", text=PLAN, RATECARD_FORGE="gitea")
    assert done.stderr == "ratecard-ci: RATECARD_FORGE is 'gitea'; it must be github or gitlab\n"


def test_a_text_without_a_marker_is_refused(forge: MockForge, post: Post) -> None:
    done = post(forge, "comment", text="Words.\n")
    assert done.stderr == "ratecard-ci: the text must begin with a marker such as <!-- ratecard-drift -->\n"
    assert forge.posts == []
