from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schema.documents.policy import Forge
from sync.errors import ForgeError
from sync.forge import page_of
from sync.forge_api import request_of
from tests.conftest import MakeRepository, RunRatecard
from tests.sync.forge_server import GITHUB, TOKEN, Server, running

RunGit = Callable[..., str]
SET_NAME = "model anthropic/claude-haiku-4-5#display_name=Claude Haiku"
BRANCH = "ratecard/rename-haiku"
EXISTS = {
    "message": "Validation Failed",
    "documentation_url": "https://docs.example.com/pulls",
    "errors": [
        {"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for team:ratecard/x."}
    ],
}


@pytest.fixture
def github() -> Iterator[Server]:
    with running("github", "/api/v3") as server:
        yield server
        assert server.faults == []


@pytest.fixture
def gitlab() -> Iterator[Server]:
    with running("gitlab", "/code/api/v4") as server:
        yield server
        assert server.faults == []


def open_on(server: Server, *, token: str = TOKEN, url: str | None = None, api: str | None = None) -> str:
    address = {"github": "https://github.example.com/team/rates", "gitlab": "https://example.com/code/team/sub/rates"}
    forge = Forge(kind=server.kind, url=url or address[server.kind], token_env="FORGE", api_url=api or server.url)  # type: ignore[arg-type]
    page = page_of(forge, None)
    assert page is not None
    return request_of(page, BRANCH, "main", "Rename Haiku", "- set it\n", {"FORGE": token})


def test_github_opens_a_pull_request(github: Server) -> None:
    example = GITHUB["paths"]["/repos/{owner}/{repo}/pulls"]["post"]["responses"]["201"]["content"]["application/json"]
    assert open_on(github) == example["example"]["html_url"]
    (call,) = github.calls
    assert (call.method, call.parameters) == ("POST", {"owner": "team", "repo": "rates"})
    assert call.body == {"title": "Rename Haiku", "head": BRANCH, "base": "main", "body": "- set it\n"}


def test_gitlab_opens_a_merge_request_of_a_project_in_groups_and_under_a_folder(gitlab: Server) -> None:
    assert open_on(gitlab) == "https://gitlab.example.com/team/rates/-/merge_requests/1"
    (call,) = gitlab.calls
    assert (call.method, call.parameters) == ("POST", {"id": "team/sub/rates"})
    assert call.body == {
        "source_branch": BRANCH,
        "target_branch": "main",
        "title": "Rename Haiku",
        "description": "- set it\n",
    }


def test_a_request_that_is_open_already_is_found(github: Server, gitlab: Server) -> None:
    github.answers = [(422, EXISTS, {})]
    listed = GITHUB["paths"]["/repos/{owner}/{repo}/pulls"]["get"]["responses"]["200"]["content"]["application/json"]
    assert open_on(github) == listed["example"][0]["html_url"]
    assert github.calls[1].query == {"state": "open", "head": f"team:{BRANCH}", "base": "main"}
    gitlab.answers = [(409, {"message": ["Another open merge request already exists for this source branch: !7"]}, {})]
    assert open_on(gitlab) == "https://gitlab.example.com/team/rates/-/merge_requests/7"
    assert gitlab.calls[1].query == {"state": "opened", "source_branch": BRANCH, "target_branch": "main"}


def test_a_refusal_is_told_in_the_forges_words(github: Server, gitlab: Server) -> None:
    github.answers = [
        (422, {**EXISTS, "errors": [{"code": "invalid", "message": "base is\ninvalid"}]}, {}),
        (200, [], {}),
    ]
    with pytest.raises(ForgeError, match=r"^github\.example\.com answered 422: Validation Failed; base is invalid$"):
        open_on(github)
    github.answers = [(403, {"message": "Resource not accessible", "documentation_url": "x"}, {})]
    with pytest.raises(ForgeError, match=r"^github\.example\.com answered 403: Resource not accessible$"):
        open_on(github)
    gitlab.answers = [(401, {"message": f"401 Unauthorized {TOKEN}"}, {})]
    with pytest.raises(ForgeError) as refusal:
        open_on(gitlab)
    assert str(refusal.value) == "example.com answered 401: 401 Unauthorized …"


def test_the_token_follows_no_redirect(github: Server) -> None:
    with running("github") as elsewhere:
        github.answers = [(307, {"message": "Moved"}, {"Location": f"{elsewhere.url}/repos/team/new/pulls"})]
        with pytest.raises(ForgeError, match=r"^github\.example\.com answered 307: Moved$"):
            open_on(github)
        assert elsewhere.calls == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "github.example.com answered something that is not JSON"),
        (b"[]", "github.example.com did not say where the pull request is"),
        (b'{"html_url": "javascript:alert(1)"}', "github.example.com did not say where the pull request is"),
    ],
)
def test_an_answer_that_is_none_is_refused(body: bytes, message: str) -> None:
    with running("github") as server:
        server.answers = [(202, body, {})]
        with pytest.raises(ForgeError) as refusal:
            open_on(server)
    assert str(refusal.value) == message


def test_a_token_goes_only_to_https_or_this_computer(github: Server) -> None:
    for api in ("http://forge.example.com/api/v3", "ftp://127.0.0.1/", "file:///etc/passwd", "//x", "127.0.0.1"):
        with pytest.raises(ForgeError, match=r"is not an https address, so no token is sent there$"):
            open_on(github, api=api)
    with pytest.raises(ForgeError, match=r"^the token holds a character that no token has$") as refusal:
        open_on(github, token="a\nX-Other: b")
    assert "X-Other" not in str(refusal.value)
    with pytest.raises(ForgeError, match=r"^there is no token; set FORGE$"):
        open_on(github, token=" ")
    with pytest.raises(ForgeError, match=r"^'team' is not OWNER/REPOSITORY$"):
        open_on(github, url="https://github.example.com/team")
    with pytest.raises(ForgeError, match=r"^github\.example\.com cannot be reached: "):
        open_on(github, api="http://127.0.0.1:1")
    assert github.calls == []


def test_where_the_api_is_and_which_variables_hold_its_token() -> None:
    named = [
        (Forge(kind="github", url="https://github.com/team/rates.git"), "https://api.github.com"),
        (Forge(kind="github", url="https://git.example.com/team/rates"), "https://git.example.com/api/v3"),
        (Forge(kind="gitlab", url="https://git.example.com/a/b/rates/"), "https://git.example.com/api/v4"),
    ]
    for forge, api in named:
        page = page_of(forge, None)
        assert page is not None
        assert page.api == api
        assert page.tokens == (("GH_TOKEN", "GITHUB_TOKEN") if forge.kind == "github" else ("GITLAB_TOKEN",))
    remotes = {
        "git@github.com:team/rates.git": ("GH_TOKEN", "GITHUB_TOKEN"),
        "https://user:word@gitlab.com/team/rates.git": ("GITLAB_TOKEN",),
        "https://github.evil.example/team/rates": (),
    }
    for address, tokens in remotes.items():
        page = page_of(None, address)
        assert page is not None
        assert page.tokens == tokens
        assert "word" not in page.url
    assert page_of(None, "https://[half/x") is None
    page = page_of(Forge(kind="github", url="https://github.com/a/b", token_env="OURS"), None)
    assert page is not None
    assert page.token({"OURS": " x ", "GH_TOKEN": "y"}) == "x"
    assert page.token({"OURS": " ", "GH_TOKEN": "y"}) is None


@pytest.fixture
def pushed_to(
    make_repository: MakeRepository, small_config: dict[str, str], tmp_path: Path, run_git: RunGit
) -> Callable[[str], Path]:
    def make(policy: str) -> Path:
        top = make_repository({**small_config, "ratecard.yaml": policy})
        bare = tmp_path / "remote.git"
        run_git(top, "clone", "--quiet", "--bare", str(top), str(bare))
        run_git(top, "remote", "add", "origin", str(bare))
        return top

    return make


def policy_of(server: Server) -> str:
    return f"forge:\n  kind: github\n  url: https://github.example.com/team/rates\n  api_url: {server.url}\n"


def test_the_command_opens_the_pull_request(
    github: Server, pushed_to: Callable[[str], Path], run_ratecard: RunRatecard
) -> None:
    top = pushed_to(policy_of(github))
    words = ("propose", "--set", "price openai/gpt-4o@2026-01-01#margin=2", "--title", "Raise it", "--push")
    done = run_ratecard(*words, cwd=top, env={"GITHUB_TOKEN": TOKEN})
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("pull request: https://github.com/octocat/Hello-World/pull/")
    assert github.calls[0].body["body"] == (
        "- set margin of price openai/gpt-4o@2026-01-01 to 2\n\n"
        "Price openai/gpt-4o@2026-01-01 is in effect already: apply will ask for --reprice.\n"
    )
    assert TOKEN not in done.stdout + done.stderr


def test_a_forge_that_refuses_leaves_the_branch_and_its_address(
    github: Server, pushed_to: Callable[[str], Path], run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    top = pushed_to(policy_of(github))
    github.answers = [(403, {"message": "Resource not accessible", "documentation_url": "x"}, {})]
    words = ("propose", "--set", SET_NAME, "--title", "Rename Haiku", "--push", "--format", "json")
    done = run_ratecard(*words, cwd=top, env={"GH_TOKEN": TOKEN})
    by_hand = "https://github.example.com/team/rates/compare/main...ratecard/rename-haiku?expand=1"
    assert done.returncode == 0
    assert json.loads(done.stdout)["url"] == by_hand
    assert done.stderr == (
        "ratecard: ratecard/rename-haiku is pushed, but its pull request is not opened:"
        " github.example.com answered 403:"
        f" Resource not accessible; open it at {by_hand}\n"
    )
    assert run_git(top.parent, "ls-remote", "--heads", str(top), BRANCH)


def test_without_a_token_nothing_is_called(
    github: Server, pushed_to: Callable[[str], Path], run_ratecard: RunRatecard
) -> None:
    top = pushed_to(policy_of(github))
    done = run_ratecard("propose", "--set", SET_NAME, "--title", "Rename Haiku", "--push", cwd=top)
    assert done.stdout.splitlines()[-1] == (
        "open the pull request: https://github.example.com/team/rates/compare/main...ratecard/rename-haiku?expand=1"
    )
    assert github.calls == []
