from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.small_config import SMALL_CONFIG

Run = Callable[..., "CompletedProcess[str]"]


def test_diff_of_any_two(
    run_ratecard: Run, make_repository: Callable[..., Path], run_git: Callable[..., str], tmp_path: Path
) -> None:
    top = make_repository(SMALL_CONFIG)
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    assert run_ratecard("apply", "--yes", "--database", url, cwd=top).returncode == 0
    (top / "config" / "tasks.yaml").write_text(SMALL_CONFIG["tasks.yaml"].replace("a chat", "chats"))
    run_git(top, "commit", "--quiet", "--all", "--message=Reword")
    assert run_ratecard("apply", "--yes", "--label", "v2", "--database", url, cwd=top).returncode == 0

    # No git is needed to tell releases apart.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def releases(*words: str) -> CompletedProcess[str]:
        return run_ratecard("releases", *words, "--database", url, cwd=elsewhere)

    text = releases("diff", "1", "v2")
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout.splitlines()[3:5] == [
        "~ task chat_response",
        "    description  Answers in a chat  ->  Answers in chats",
    ]
    told = json.loads(releases("diff", "2", "1", "--format", "json").stdout)
    assert (told["from"]["id"], told["to"]["id"], told["summary"]) == (2, 1, {"create": 0, "update": 1, "delete": 0})
    assert releases("diff", "0", "1", "--format", "markdown").stdout.startswith("### Ratecard: 24 created, 0 updated")
    unknown = releases("diff", "1", "7")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == (
        "ratecard: there is no release '7': the newest is 2; see `ratecard releases` [UNKNOWN_RELEASE]\n"
    )
    for words in (
        ("diff",),
        ("diff", "1"),
        ("diff", "1", "2", "3"),
        ("list",),
        ("--format", "markdown"),
        ("diff", "1", "2", "--limit", "1"),
    ):
        wrong = releases(*words)
        assert (wrong.returncode, wrong.stdout) == (64, "")
        assert wrong.stderr.count("\n") == 1
    assert json.loads(releases("--limit", "1", "--format", "json").stdout)["releases"][0]["label"] == "v2"
