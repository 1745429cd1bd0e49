from __future__ import annotations

import pytest

from schema.documents.policy import Forge
from sync.forge import page_of

GITHUB = "https://github.com/team/rates/compare/main...ratecard/x?expand=1"
GITLAB = (
    "https://gitlab.com/group/sub/rates/-/merge_requests/new"
    "?merge_request%5Bsource_branch%5D=ratecard%2Fx&merge_request%5Btarget_branch%5D=main"
)


def address(branch: str, base: str, *, forge: Forge | None, remote_url: str | None) -> str | None:
    page = page_of(forge, remote_url)
    return None if page is None else page.new_request(branch, base)


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/team/rates.git", GITHUB),
        ("https://someone:secret@github.com/team/rates", GITHUB),
        ("git@github.com:team/rates.git", GITHUB),
        ("ssh://git@github.com:22/team/rates.git", GITHUB),
        ("git@gitlab.com:group/sub/rates.git", GITLAB),
        ("https://gitlab.com/group/sub/rates/", GITLAB),
        (
            "https://gitlab.example.com:8443/a/b.git",
            GITLAB.replace("gitlab.com/group/sub/rates", "gitlab.example.com:8443/a/b"),
        ),
        ("https://git.example.com/a/b.git", None),
        ("/srv/github/rates.git", None),
        ("file:///srv/gitlab/rates.git", None),
        ("https://github.com/", None),
        (None, None),
    ],
)
def test_the_remote_tells_where_a_pull_request_is_opened(remote: str | None, url: str | None) -> None:
    assert address("ratecard/x", "main", forge=None, remote_url=remote) == url


def test_the_policy_decides_over_the_remote() -> None:
    forge = Forge(kind="github", url="https://code.example.com/team/rates/")
    assert address("ratecard/x", "release/1", forge=forge, remote_url="git@gitlab.com:a/b") == (
        "https://code.example.com/team/rates/compare/release/1...ratecard/x?expand=1"
    )


@pytest.mark.parametrize(
    ("remote", "commit", "lines"),
    [
        ("git@github.com:team/rates.git", "/commit/abc", "/blob/abc/config/a%20b.yaml#L3-L9"),
        ("git@gitlab.com:team/rates.git", "/-/commit/abc", "/-/blob/abc/config/a%20b.yaml#L3-9"),
    ],
)
def test_commits_and_lines_have_pages(remote: str, commit: str, lines: str) -> None:
    page = page_of(None, remote)

    assert page is not None
    assert page.commit("abc") == page.url + commit
    assert page.lines("abc", "config/a b.yaml", 3, 9) == page.url + lines
    assert page.lines("abc", "a.yaml", 3, 3).endswith("a.yaml#L3")
