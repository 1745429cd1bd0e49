"""`ratecard meter import`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from metering.analytics import Period, usage_by
from schema.database import reading
from schema.tables import accounts
from tests.metering.rate_card import ROWS, apply_rows

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
