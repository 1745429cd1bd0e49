"""The checkup of whole places: a clone with a database, one of the two, neither."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from metering.meter import Meter
from metering.usage import Usage
from schema.database import make_engine, writing
from schema.tables import SCHEMA_VERSION
from sync.doctor import Check, Checkup, Place, examine
from sync.render.doctor_text import checkup_lines
from sync.render.style import Style
from sync.repository import Repository
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import APPLIED, apply_files

NOW = datetime(2026, 7, 1, tzinfo=UTC)
Git = Callable[..., str]


def look(
    engine: Engine | None, top: Path | None = None, *, ledger: bool = False, now: datetime | None = None
) -> Checkup:
    """A checkup by the real clock, unless `now` is given: PostgreSQL has a real one, too."""
    repository = None if top is None else Repository.open(top)
    folder = "no-such-folder" if top is None else str(top / "config")
    place = Place(repository, "no git here", folder, engine, "no database is named", "by --database")
    clock = (lambda: datetime.now(UTC)) if now is None else (lambda: now)
    checkup = examine(place, now=clock, environment={"RATECARD_ADMINS": "secret@example.com"}, admins=(), ledger=ledger)
    if repository is not None:
        repository.close()
    return checkup


def of(checkup: Checkup, topic: str, level: str | None = None) -> list[str]:
    """The messages of a topic."""
    return [check.message for check in checkup.checks if check.topic == topic and level in (None, check.level)]


def advice(checkup: Checkup, message: str) -> str | None:
    (found,) = [check.advice for check in checkup.checks if check.message == message]
    return found


def test_all_is_well(engine: Engine, make_repository: Callable[..., Path]) -> None:
    top = make_repository(SMALL_CONFIG)
    apply_files(engine, SMALL_CONFIG, APPLIED, label="v1")
    with Meter.open(engine.url.render_as_string(hide_password=False), now=lambda: NOW) as meter:
        meter.record(
            Usage(event_id="1", account="a", provider="openai", model="gpt-4o", units={"input": 4, "output": 1})
        )
    checkup = look(engine, top, ledger=True)
    assert checkup.ok, list(checkup_lines(checkup, Style()))
    assert "10 files with 4 models, 4 prices, 4 routes, 2 plans" in of(checkup, "configuration")[0]
    git = of(checkup, "git")
    assert "you are Price Desk <prices@example.com>" in git
    assert any(message.startswith("proposals start from main at ") for message in git)
    database = of(checkup, "database")
    assert f"schema version {SCHEMA_VERSION}, no migration is pending" in database
    assert "release 1 (v1) of 2026-06-01 12:30Z, by Release Desk" in database
    kind = "PostgreSQL 1" if engine.dialect.name == "postgresql" else "SQLite 3."
    assert any(message.startswith(kind) for message in database)
    assert of(checkup, "ledger") == ["1 account and 3 postings: every balance is proved"]
    assert of(checkup, "alerts") == ["none is open"]
    assert of(checkup, "clock", "warn") == []
    assert of(checkup, "environment") == ["set: RATECARD_ADMINS"]
    assert "secret@example.com" not in json.dumps(checkup.as_json())
    assert of(look(engine, top), "ledger") == []


def test_a_host_that_only_meters_needs_neither_git_nor_configuration(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG, APPLIED)
    checkup = look(engine)
    assert checkup.ok
    assert advice(checkup, "no git here") == "plan, apply and propose in a clone of the configuration"


def test_without_a_database_the_rest_is_looked_at(make_repository: Callable[..., Path], tmp_path: Path) -> None:
    top = make_repository(SMALL_CONFIG)
    checkup = look(None, top)
    assert not checkup.ok
    assert advice(checkup, "no database is named") == "ratecard doctor --database URL"
    assert of(checkup, "git", "ok")
    missing = make_engine(f"sqlite:///{tmp_path / 'none.db'}", create=False)
    checkup = look(missing, top)
    assert checkup.ok
    (message,) = of(checkup, "database")
    assert message.endswith("none.db (by --database) does not exist yet")
    assert advice(checkup, message) == "ratecard apply"
    assert not (tmp_path / "none.db").exists()
    away = make_engine("postgresql://reader:hidden@127.0.0.1:1/none")
    checkup = look(away, top)
    assert not checkup.ok
    assert "hidden" not in json.dumps(checkup.as_json())
    assert of(checkup, "database", "fail")[0].startswith("cannot reach the database postgresql+psycopg://reader:***@")
    assert of(checkup, "versions", "ok")


def test_tables_that_cannot_be_used(database_url: str, make_repository: Callable[..., Path]) -> None:
    top = make_repository(SMALL_CONFIG)
    engine = make_engine(database_url)
    engine.connect().close()
    checkup = look(engine, top)
    assert checkup.ok
    assert advice(checkup, "it has no tables yet") == "ratecard apply"
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    checkup = look(engine, top)
    (message,) = of(checkup, "database", "fail")
    assert "holds tables that are not Ratecard's" in message
    assert advice(checkup, message) == "--database URL"
    engine.dispose()


@pytest.mark.parametrize(
    ("version", "mends"), [("0001", "ratecard db upgrade"), ("9999", "pip install --upgrade ratecard")]
)
def test_other_schema_versions_name_what_mends_them(engine: Engine, version: str, mends: str) -> None:
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))
    checkup = look(engine)
    (message,) = of(checkup, "database", "fail")
    assert f"has schema version {version}" in message
    assert advice(checkup, message) == mends


def test_faults_of_the_configuration_and_the_clone(
    engine: Engine, make_repository: Callable[..., Path], run_git: Git
) -> None:
    top = make_repository(SMALL_CONFIG)
    apply_files(engine, SMALL_CONFIG, APPLIED)
    run_git(top, "config", "--unset", "user.email")
    run_git(top, "remote", "add", "origin", str(top / "nowhere"))
    run_git(top, "remote", "add", "backup", "https://robot:token@example.com/prices.git")
    run_git(top, "branch", "--move", "main", "trunk")
    (top / "config" / "settings.yaml").write_text("default_plan: fre\n")
    checkup = look(engine, top)
    assert not checkup.ok
    (message,) = of(checkup, "configuration", "fail")
    assert message.startswith("1 error in 10 files, the first: ")
    warned = of(checkup, "git", "warn")
    assert warned == [
        "git does not know who you are: proposals need an author",
        "there is no branch 'main' here or on origin; name the base with --base",
        f"remote origin is {top / 'nowhere'}, which does not exist",
        "config/settings.yaml is not committed: apply refuses",
    ]
    assert "remote backup is https://***@example.com/prices.git; it was not asked" in of(checkup, "git", "ok")
    assert "token" not in json.dumps(checkup.as_json()).replace("https://***", "")


def test_drift_and_head_against_the_last_release(
    engine: Engine, make_repository: Callable[..., Path], run_git: Git
) -> None:
    top = make_repository(SMALL_CONFIG)
    apply_files(engine, SMALL_CONFIG, APPLIED)
    checkup = look(engine, top)
    (message,) = of(checkup, "drift", "warn")
    assert "which this clone does not know" in message
    first = run_git(top, "rev-parse", "HEAD")
    with writing(engine) as connection:
        connection.execute(text("UPDATE releases SET commit_sha = :sha"), {"sha": first})
    assert of(look(engine, top), "drift") == [
        "HEAD is the commit that release 1 applied",
        "last release, git and database agree",
    ]
    (top / "config" / "tasks.yaml").write_text(SMALL_CONFIG["tasks.yaml"].replace("a chat", "chats"))
    run_git(top, "commit", "--quiet", "--all", "--message=Reword")
    with writing(engine) as connection:
        connection.execute(text("UPDATE models SET display_name = 'X' WHERE model = 'gpt-4o'"))
    checkup = look(engine, top)
    assert of(checkup, "drift") == [
        "HEAD is 1 commit ahead of what release 1 applied",
        "1 edit in the database, not by a release",
        "1 change of git not applied yet",
    ]
    assert advice(checkup, "1 change of git not applied yet") == "ratecard plan"
    with writing(engine) as connection:
        sha = run_git(top, "rev-parse", "HEAD")
        connection.execute(text("UPDATE releases SET commit_sha = :sha"), {"sha": sha})
    run_git(top, "reset", "--quiet", "--hard", "HEAD~1")
    assert of(look(engine, top), "drift", "warn")[0].endswith("from which HEAD does not descend: apply refuses")


def test_alerts_and_a_clock_that_is_wrong(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG, APPLIED)
    with Meter.open(engine.url.render_as_string(hide_password=False), now=lambda: NOW) as meter:
        meter.record(Usage(event_id="1", account="a", provider="openai", model="gpt-5", units={"input": 4}))
    checkup = look(engine, now=APPLIED - timedelta(minutes=1))
    assert of(checkup, "alerts") == [
        "1 call of openai/gpt-5 cannot be billed: add a price, then re-rate [UNPRICED_EVENTS]"
    ]
    warned = of(checkup, "clock", "warn")
    assert warned[-1] == "release 1 was applied at 2026-06-01 12:30:00Z, which is yet to come"
    if engine.dialect.name == "postgresql":
        assert warned[0].endswith("prices come into force at other moments")
    assert checkup.ok


def test_a_ledger_edited_by_hand_fails(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG, APPLIED)
    with Meter.open(engine.url.render_as_string(hide_password=False), now=lambda: NOW) as meter:
        for number in range(3):
            usage = Usage(event_id=str(number), account="a", provider="openai", model="gpt-4o", units={"input": 4_000})
            meter.record(usage)
    assert look(engine, ledger=True).ok
    with writing(engine) as connection:
        connection.execute(text("UPDATE account_state SET balance_nanos = balance_nanos + 1000000000"))
        debit = connection.execute(text("SELECT max(id) FROM ledger_postings")).scalar_one()
        connection.execute(text(f"UPDATE ledger_postings SET amount_nanos = amount_nanos - 1 WHERE id = {debit}"))
    checkup = look(engine, ledger=True)
    assert not checkup.ok
    # 0.5 of included credit and 0.1 for signing up, less three calls.
    assert of(checkup, "ledger", "fail") == [
        "account a: the balance is $1.555, its postings come to $0.554999999, its grants less what it owes to $0.555",
        f"account a: posting {debit} took $0.015000001, its events were charged $0.015",
        f"account a: the balance after posting {debit} is $0.555, the other records come to $0.554999999",
        "account a: what postings took for usage is $0.045000001, the other records come to $0.045",
    ]


def test_text_groups_topics_and_counts() -> None:
    checks = (
        Check("git", "ok", "fine"),
        Check("git", "warn", "look\x1b", "git fetch"),
        Check("clock", "fail", "x", "y"),
    )
    assert list(checkup_lines(Checkup(checks), Style())) == [
        "git",
        "  ok    fine",
        "  warn  look\N{REPLACEMENT CHARACTER}",
        "        -> git fetch",
        "clock",
        "  fail  x",
        "        -> y",
        "3 checks: 1 failure, 1 warning",
    ]
    assert Checkup(checks).as_json()["ok"] is False
