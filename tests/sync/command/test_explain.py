from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from metering.meter import Meter
from metering.usage import Usage
from tests.small_config import SMALL_CONFIG

Run = Callable[..., "CompletedProcess[str]"]


def test_a_bill_is_explained_with_and_without_git(
    run_ratecard: Run, make_repository: Callable[..., Path], database_url: str, tmp_path: Path
) -> None:
    top = make_repository(SMALL_CONFIG)
    missing = run_ratecard("explain", "call-1", "--database", database_url, cwd=top)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "run `ratecard apply` first" in missing.stderr
    assert run_ratecard("apply", "--yes", "--database", database_url, cwd=top).returncode == 0
    with Meter.open(database_url) as meter:
        for account in ("acme", "beta"):
            units = {"input": 4, "output": 1}
            meter.record(Usage(event_id="call-1", account=account, provider="openai", model="gpt-4o", units=units))

    def explain(*words: str, cwd: Path = top) -> CompletedProcess[str]:
        return run_ratecard("explain", *words, "--database", database_url, cwd=cwd)

    several = explain("call-1")
    assert (several.returncode, several.stdout) == (1, "")
    assert several.stderr.startswith("ratecard: several accounts have an event 'call-1' (acme, beta): name one with")
    unknown = explain("call-2")
    assert (unknown.returncode, unknown.stderr) == (1, "ratecard: there is no event 'call-2' [UNKNOWN_EVENT]\n")
    assert explain("\udcff").returncode == 64
    shown = explain("call-1", "--account", "acme")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "         config/pricing/openai.yaml:4-9 at commit " in shown.stdout
    told = json.loads(explain("call-1", "--account", "acme", "--format", "json").stdout)
    assert (told["cost"]["cost_usd"], told["charge"]["charge_usd"], told["adds_up"]) == ("0.00002", "0.00003", True)
    elsewhere = explain("call-1", "--account", "acme", cwd=tmp_path)
    assert elsewhere.returncode == 0
    assert "git cannot say where it was written: " in elsewhere.stdout
    assert "$0.00002 x margin 1.5 = $0.00003" in elsewhere.stdout
