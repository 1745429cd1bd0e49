from __future__ import annotations

import json
from collections import Counter

import pytest
from sqlalchemy import Engine

from tests.in_process import Run, runner
from tests.metering.rate_card import COMMIT, ROWS, apply_rows


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def url(engine: Engine, migrated_url: str) -> str:
    apply_rows(engine, ROWS)
    return migrated_url


def test_the_model_alone_is_for_scripts(url: str, run: Run) -> None:
    done = run("route", "anthropic", "extraction", "--database", url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "anthropic/haiku\n", "")
    assert run("route", "anthropic", "--database", url).stdout == "anthropic/sonnet\n"
    assert run("route", "anthropic", "elsewhere", "--database", url).stdout == "openai/gpt\n"


def test_explain_shows_line_split_place_prices_and_fallbacks(url: str, run: Run) -> None:
    done = run("route", "anthropic", "chat", "--key", "user-1", "--explain", "--database", url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "anthropic/sonnet: anthropic, task chat, line chat",
        "key user-1 lies at place 20 of 0 to 99",
        "  ->  anthropic/sonnet  90 %  0 to 89   price anthropic/sonnet@2026-01-01",
        "      anthropic/haiku   10 %  90 to 99  price anthropic/haiku@2026-06-01",
        "      openai/gpt              fallback  price openai/gpt@2026-01-01",
        f"by release 1 (commit {COMMIT[:12]})",
    ]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_json_and_a_drawn_key(url: str, run: Run) -> None:
    done = run("route", "anthropic", "chat", "--key", "user-1", "--format", "json", "--database", url)
    found = json.loads(done.stdout)
    assert (found["format_version"], found["model"], found["place"], found["key"]) == (
        1,
        "anthropic/sonnet",
        20,
        "user-1",
    )
    assert found["targets"][1] == {
        "model": "anthropic/haiku",
        "price": "anthropic/haiku@2026-06-01",
        "refusal": None,
        "weight": 10,
        "places": [90, 100],
        "chosen": False,
    }
    assert (found["release"], found["database_away"]) == (1, None)
    drawn = [
        json.loads(run("route", "anthropic", "chat", "--format", "json", "--database", url).stdout) for _ in range(2)
    ]
    assert Counter(one["key"] for one in drawn) == {None: 2}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_refusals(url: str, run: Run) -> None:
    done = run("route", "openai", "chat", "--database", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no route for task 'chat' of provider 'openai', and no _default" in done.stderr
    done = run("route", "anthropic", "inactive", "--explain", "--database", url)
    assert (done.returncode, done.stderr) == (
        1,
        "ratecard: model anthropic/retired is not active [UNREGISTERED_MODEL]\n",
    )
    assert (
        "->  anthropic/retired  100 %  0 to 99  UNREGISTERED_MODEL: model anthropic/retired is not active"
        in done.stdout
    )
    assert run("route", "--database", url).returncode == 64
