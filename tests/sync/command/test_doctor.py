from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.small_config import SMALL_CONFIG

Run = Callable[..., "CompletedProcess[str]"]


def test_exit_code_says_whether_something_failed(
    run_ratecard: Run, make_repository: Callable[..., Path], tmp_path: Path
) -> None:
    top = make_repository(SMALL_CONFIG)
    before = run_ratecard("doctor", cwd=top)
    assert (before.returncode, before.stderr) == (0, "")
    assert "(the embedded default) does not exist yet\n        -> ratecard apply\n" in before.stdout
    assert not (top / ".ratecard").exists()
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0
    told = json.loads(run_ratecard("doctor", "--ledger", "--format", "json", cwd=top).stdout)
    assert (told["format_version"], told["ok"]) == (1, True)
    assert {check["topic"] for check in told["checks"]} == {
        "configuration",
        "git",
        "database",
        "clock",
        "runtimes",
        "drift",
        "alerts",
        "ledger",
        "versions",
        "environment",
    }
    assert all((check["advice"] is None) == (check["level"] == "ok") for check in told["checks"])
    url = "postgresql://reader:hidden@127.0.0.1:1/none"
    away = run_ratecard("doctor", cwd=top, env={"RATECARD_DATABASE_URL": url})
    assert (away.returncode, away.stderr) == (1, "")
    assert "hidden" not in away.stdout
    assert "set: RATECARD_DATABASE_URL" in away.stdout
    nowhere = run_ratecard("doctor", cwd=tmp_path)
    assert (nowhere.returncode, nowhere.stderr) == (1, "")
    assert "  fail  no database is named and this is not a git repository" in nowhere.stdout
    wrong = run_ratecard("doctor", "--database", "mysql://host/x", cwd=top)
    assert (wrong.returncode, wrong.stderr) == (1, "")
    assert "'mysql' is not a database of Ratecard's" in wrong.stdout
