"""`ratecard meter`: files of calls, and calls that waited for the database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from metering.analytics import Period, usage_by
from metering.book.file import database_name
from metering.spool import Spool, Waiting
from metering.usage import Usage, read_usage
from schema.database import make_engine, reading
from schema.tables import accounts
from tests.databases import SqliteDatabases
from tests.metering.rate_card import NOW, ROWS, apply_card, apply_rows

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HEADER = "event_id,occurred_at,account,provider,model,input_tokens,output_tokens\n"
GOOD = "e{},2026-03-01,acct-0001,anthropic,haiku,1000,10\n"


@pytest.fixture
def card_url(engine: Engine, migrated_url: str) -> str:
    apply_rows(engine, ROWS)
    return migrated_url


def write(tmp_path: Path, text: str, name: str = "usage.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def imported(run: Run, url: str, path: Path, *words: str) -> tuple[int, Any]:
    done = run("meter", "import", str(path), "--database", url, "--format", "json", *words)
    return done.returncode, json.loads(done.stdout)


def test_good_rows_land_once(run_ratecard: Run, card_url: str, engine: Engine, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + GOOD.format(1) + GOOD.format(2))
    counts = {"format_version": 1, "rows": 2, "unpriced": 0, "rejected": 0, "rejects_file": None}
    assert imported(run_ratecard, card_url, path) == (0, counts | {"added": 2, "repeated": 0})
    assert imported(run_ratecard, card_url, path) == (0, counts | {"added": 0, "repeated": 2})
    done = run_ratecard("meter", "import", str(path), "--database", card_url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 rows: 0 added, 2 already there\n", "")
    with reading(engine) as connection:
        assert [(row.requests, row.units) for row in usage_by(connection, [], Period())] == [
            (2, {"input": 2_000, "output": 20})
        ]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["usage.csv"]


def test_bad_rows_go_to_their_file_and_good_ones_land(run_ratecard: Run, card_url: str, tmp_path: Path) -> None:
    future = GOOD.format(4).replace("2026-03-01", "2999-01-01")
    text = HEADER + GOOD.format(1) + GOOD.format(2).replace("1000", "-1") + "broken\n" + future + GOOD.format(5)
    path = write(tmp_path, text)
    done = run_ratecard("meter", "import", str(path), "--database", card_url)
    rejects = tmp_path / "usage.csv.rejects.csv"
    ahead = "occurred_at is more than 5 minutes ahead: 2999-01-01T00:00:00+00:00"
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "5 rows: 2 added, 0 already there, 3 rejected\n",
        f"ratecard: 3 rows rejected; see {rejects}\n",
    )
    assert rejects.read_text(encoding="utf-8").splitlines() == [
        "event_id,occurred_at,account,provider,model,input_tokens,output_tokens,line,reason",
        "e2,2026-03-01,acct-0001,anthropic,haiku,-1,10,3,input is negative: -1 [BAD_EVENT]",
        'broken,,,,,,,4,"the row has 1 field, the header 7 [BAD_EVENT]"',
        f"e4,2999-01-01,acct-0001,anthropic,haiku,1000,10,5,{ahead} [BAD_EVENT]",
    ]
    code, counts = imported(run_ratecard, card_url, path)
    assert (code, counts["repeated"], counts["rejected"], counts["rejects_file"]) == (1, 2, 3, str(rejects))


def test_unpriced_rows_are_kept_on_request(run_ratecard: Run, card_url: str, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + GOOD.format(1).replace("haiku", "unpriced"))
    code, counts = imported(run_ratecard, card_url, path)
    assert (code, counts["added"], counts["rejected"]) == (1, 0, 1)
    done = run_ratecard("meter", "import", str(path), "--database", card_url, "--keep-unpriced")
    assert (done.returncode, done.stdout) == (0, "1 row: 1 added (1 unpriced), 0 already there\n")


def test_the_format_can_be_named(run_ratecard: Run, card_url: str, tmp_path: Path) -> None:
    row = {"event_id": "e1", "occurred_at": "2026-03-01", "account": "a", "model": "anthropic/haiku", "input": 5}
    path = write(tmp_path, json.dumps(row), "usage.log")
    code, counts = imported(run_ratecard, card_url, path, "--input-format", "jsonl")
    assert (code, counts["added"]) == (0, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "usage.csv does not exist"),
        (b"", "usage.csv is empty"),
        (b"foo,bar\n1,2\n", "usage.csv has a wrong header: 'foo' is not a column; 'bar' is not a column; column"),
        ((HEADER + GOOD.format(1)).encode() + b"x" * 10_000_000, "usage.csv:3 is longer than 1,048,576 bytes"),
        ((HEADER + GOOD.format(1)).encode() + b"\xe9\n", "usage.csv:3 is not UTF-8 at byte 1; save the file as UTF-8"),
    ],
)
def test_a_fault_of_the_file_is_one_line_and_nothing_is_written(
    run_ratecard: Run, card_url: str, engine: Engine, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "usage.csv"
    if content is not None:
        path.write_bytes(content)
    done = run_ratecard("meter", "import", str(path), "--database", card_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with reading(engine) as connection:
        assert connection.execute(select(accounts.c.id)).all() == []


@pytest.mark.parametrize("words", [["meter"], ["meter", "export", "x.csv"], ["meter", "import"]])
def test_wrong_usage(run_ratecard: Run, words: list[str]) -> None:
    assert run_ratecard(*words).returncode == 64


def test_without_a_release_nothing_can_be_priced(run_ratecard: Run, migrated_url: str, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + GOOD.format(1))
    done = run_ratecard("meter", "import", str(path), "--database", migrated_url)
    assert (done.returncode, done.stderr) == (
        1,
        "ratecard: no release has been applied to this database; run `ratecard apply`\n",
    )


def test_a_missing_database_is_not_made(run_ratecard: Run, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + GOOD.format(1))
    done = run_ratecard("meter", "import", str(path), "--database", f"sqlite:///{tmp_path / 'missing.db'}")
    assert done.returncode == 1
    assert done.stderr.endswith("missing.db is missing; run `ratecard apply` first\n")
    assert not (tmp_path / "missing.db").exists()


def test_what_a_spool_holds_is_recorded_and_what_is_refused_is_listed(
    run_ratecard: Run, sqlite_databases: SqliteDatabases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_databases.fresh(tmp_path, migrated=True, fill=apply_card)
    folder = tmp_path / "spool"
    words = ("meter", "drain", "--database", url)
    done = run_ratecard(*words)
    assert (done.returncode, "RATECARD_SPOOL" in done.stderr) == (64, True)
    done = run_ratecard(*words, "--spool", str(folder))
    assert (done.returncode, done.stderr) == (1, f"ratecard: there is no folder {folder}\n")
    units = {"input": 1_000}
    calls = [
        Waiting(read_usage(Usage(event_id=name, account="acct-1", model="haiku", units=units), now=NOW), NOW, hold)
        for name, hold in (("1", None), ("2\n\x1b[31m", "none"), ("3", None))
    ]
    spool = Spool(folder, database_name(make_engine(url)), 1_000_000)
    spool.append(calls)
    spool.append(calls[:1])
    done = run_ratecard(*words, "--spool", str(folder), "--format", "json")
    # This process writes the file: it is its own to record.
    assert (done.returncode, json.loads(done.stdout)["waiting"]) == (0, 4)
    spool.leave()
    monkeypatch.setenv("RATECARD_SPOOL", str(folder))
    done = run_ratecard(*words)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "2 recorded, 1 already there, 1 refused",
        "  event 2\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m: there is no hold 'none' [UNKNOWN_HOLD]",
        f"  kept in {folder}; `ratecard meter drain --again` tries them once more",
    ]
    done = run_ratecard(*words, "--again", "--format", "json")
    refused = {
        "event": "2\n\x1b[31m",
        "account": "acct-1",
        "occurred_at": NOW.isoformat(),
        "code": "UNKNOWN_HOLD",
        "message": "there is no hold 'none'",
    }
    told = {"format_version": 1, "recorded": 0, "repeated": 0, "waiting": 0, "elsewhere": {}, "faults": []}
    assert (done.returncode, json.loads(done.stdout)) == (1, told | {"refused": [refused]})
