from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from metering.meter import Meter
from metering.usage import Usage
from tests.in_process import Run, runner
from tests.metering.rate_card import NOW, ROWS, apply_rows

CLEAN = "event_id,day,model,input,output\none,2026-06-10,openai/gpt,1000,200\n"
WRONG = "event_id,day,model,input,output\none,2026-06-10,openai/gpt,1000,199\n=two,2026-06-10,openai/gpt,5,1\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def url(engine: Engine, migrated_url: str) -> str:
    apply_rows(engine, ROWS)
    with Meter.open(migrated_url, now=lambda: NOW, listen=False) as meter:
        meter.record(
            Usage(
                event_id="one",
                occurred_at=datetime(2026, 6, 10, 12, tzinfo=UTC),
                account="acct-0001",
                provider="openai",
                model="gpt",
                units={"input": 1_000, "output": 200},
            )
        )
    return migrated_url


def reconciled(run: Run, url: str, tmp_path: Path, contents: str, *words: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "theirs.csv").write_text(contents)
    return run("reconcile", str(tmp_path / "theirs.csv"), "--database", url, *words)


def test_exit_codes_and_text(url: str, run: Run, tmp_path: Path) -> None:
    done = reconciled(run, url, tmp_path, CLEAN)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "2026-06-10 to 2026-06-11, openai: 1 event of ours, 1 row of theirs (table), compared by event id",
        "both sides agree",
    ]
    done = reconciled(run, url, tmp_path, WRONG)
    assert (done.returncode, done.stderr) == (1, "ratecard: 2 findings: 1 DIFFERS, 1 MISSING\n")
    assert done.stdout.splitlines()[1:] == [
        "CODE     DAY         TARGET  ACCOUNT    FINDING",
        "DIFFERS  2026-06-10  one     acct-0001  output 200, theirs 199 (line 2)",
        "MISSING  2026-06-10  =two    -          openai/gpt: 5 input, 1 output not recorded (line 3)",
    ]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_json_and_csv(url: str, run: Run, tmp_path: Path) -> None:
    done = reconciled(run, url, tmp_path, WRONG, "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert {name: report[name] for name in ("format_version", "ok", "shape", "match", "ours", "theirs", "counts")} == {
        "format_version": 1,
        "ok": False,
        "shape": "table",
        "match": "id",
        "ours": 1,
        "theirs": 2,
        "counts": {"DIFFERS": 1, "MISSING": 1},
    }
    assert report["findings"][0] == {
        "code": "DIFFERS",
        "day": "2026-06-10",
        "target": "one",
        "account": "acct-0001",
        "measure": "output",
        "ours": "200",
        "theirs": "199",
        "place": "line 2",
        "message": "output 200, theirs 199",
    }
    done = reconciled(run, url, tmp_path, WRONG, "--format", "csv")
    assert done.stdout.splitlines() == [
        "code,day,target,account,measure,ours,theirs,place,message",
        'DIFFERS,2026-06-10,one,acct-0001,output,200,199,line 2,"output 200, theirs 199"',
        'MISSING,2026-06-10,\'=two,,,,,line 3,"openai/gpt: 5 input, 1 output not recorded"',
    ]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_options_reach_the_comparison(url: str, run: Run, tmp_path: Path) -> None:
    named = "day,model,input,output\n2026-06-10,their-gpt,1000,199\n2026-06-11,their-gpt,1,1\n"
    words = ("--name", "their-gpt=openai/gpt", "--to", "2026-06-11", "--tolerance", "0.6")
    assert reconciled(run, url, tmp_path, named, *words).returncode == 0
    done = reconciled(run, url, tmp_path, named, *words[:4])
    assert (done.returncode, "output 200, theirs 199" in done.stdout) == (1, True)
    done = reconciled(run, url, tmp_path, CLEAN, "--large-input", "999")
    assert (done.returncode, "1 LARGE_INPUT" in done.stderr) == (1, True)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--tolerance", "-1"), 64, "'-1' is not a percentage from 0 to 100"),
        (("--tolerance", "x"), 64, "'x' is not a percentage"),
        (("--output-ratio", "0.5"), 64, "'0.5' is not a number from 1 to 1000"),
        (("--large-input", "1e5"), 64, "'1e5' is not a whole number"),
        (("--settled", "-5"), 64, "'-5' is not a whole number"),
        (("--name", "x"), 64, "'x' is not THEIRS=OURS"),
        (("--name", "x=openai/none"), 1, "model openai/none is not registered"),
        (("--from", "2026-06-10", "--to", "2026-06-10"), 64, "--from 2026-06-10 is not before --to 2026-06-10"),
        (("--shape", "litellm"), 1, "theirs.csv is no litellm: line 2 has the fields event_id, day"),
        (("--provider", "nobody"), 1, "'nobody' is none of our providers (anthropic, openai)"),
    ],
)
def test_refusals(url: str, run: Run, tmp_path: Path, words: tuple[str, ...], code: int, message: str) -> None:
    done = reconciled(run, url, tmp_path, CLEAN, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
