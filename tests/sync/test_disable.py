from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, select, text

from metering.book.ratebook import newest_version
from metering.errors import UnregisteredModelError
from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading
from schema.errors import KeyFormatError
from schema.tables import CONFIG_TABLES, audit_log, release_changes, releases
from sync.apply import apply_plan
from sync.disable import Switched, Use, switch_model
from sync.drift import find_drift
from sync.edit_reasons import Reason
from sync.errors import RefusedError
from sync.render.disable_text import switched_lines
from sync.render.drift_text import drift_lines
from sync.render.style import Style
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import APPLIED, LATER, apply_files, make_target, plan_of

OUTAGE = Reason("On Call <on-call@example.com>", LATER, "answers in the wrong language")
UNITS = {"input": 1_000, "output": 100}
KEY = "model anthropic/claude-haiku-4-5"


def disable(engine: Engine, name: str = "anthropic/claude-haiku-4-5", reason: Reason = OUTAGE) -> Switched:
    return switch_model(engine, name, active=False, reason=reason)


def enable(engine: Engine, name: str = "anthropic/claude-haiku-4-5", reason: Reason = OUTAGE) -> Switched:
    return switch_model(engine, name, active=True, reason=reason)


def rows_of_model(engine: Engine) -> list[dict[str, Any]]:
    table = CONFIG_TABLES["model"].table
    with reading(engine) as connection:
        query = select(table).where(table.c.model == "claude-haiku-4-5").order_by(table.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


def counts(engine: Engine) -> tuple[int, int, int, int]:
    with reading(engine) as connection:
        logged = len(connection.execute(select(audit_log.c.id)).all())
        applied = len(connection.execute(select(releases.c.id)).all())
        journal = len(connection.execute(select(release_changes.c.id)).all())
        return logged, applied, journal, newest_version(connection).edits


def test_row_is_closed_and_a_new_one_opened_past_the_release(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    before = counts(engine)
    done = disable(engine)
    assert (done.key, done.active, done.changed, done.release) == (KEY, False, True, 1)
    assert done.routes == (Use("route anthropic/chat_response", 10), Use("route anthropic/extraction", 100))
    closed, current = rows_of_model(engine)
    assert (closed["active"], closed["retired_release"]) == (True, 1)
    assert (current["active"], current["introduced_release"], current["retired_release"]) == (False, 1, None)
    same = ("provider", "model", "display_name", "type", "access", "aliases", "context_window", "max_output")
    assert [closed[name] for name in same] == [current[name] for name in same]
    logged, applied, journal, edits = counts(engine)
    assert (logged, applied, journal, edits) == (before[0] + 1, before[1], before[2], before[3] + 1)
    with reading(engine) as connection:
        entry = connection.execute(select(audit_log).order_by(audit_log.c.id.desc()).limit(1)).mappings().one()
    assert (entry["actor"], entry["action"], entry["target"], entry["at"]) == (OUTAGE.by, "disable", KEY, LATER)
    assert entry["before"] == {"active": True}
    assert entry["after"] == {"active": False, "release": 1, "reason": OUTAGE.text}


def test_what_is_inactive_already_is_left_alone(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    assert not disable(engine, "anthropic/claude-3-opus").changed
    disable(engine)
    before = counts(engine)
    again = disable(engine, "claude-haiku")
    assert (again.key, again.changed) == (KEY, False)
    assert counts(engine) == before
    assert again.as_json()["reason"] is None
    assert list(switched_lines(again, Style())) == [f"{KEY} is inactive already: nothing was written"]


def test_unknown_models_are_told_what_was_meant(engine: Engine) -> None:
    with pytest.raises(RefusedError, match="no release has been applied"):
        disable(engine)
    apply_files(engine, SMALL_CONFIG)
    for name, meant in (
        ("anthropic/claude-haiku-45", "anthropic/claude-haiku-4-5"),
        ("gpt-4o", "openai/gpt-4o"),
        ("claude-haik", "claude-haiku"),
    ):
        with pytest.raises(KeyFormatError) as caught:
            disable(engine, name)
        assert str(caught.value) == f"there is no model '{name}'; did you mean '{meant}'?"
    with pytest.raises(KeyFormatError, match=r"^there is no model 'zzz'$"):
        disable(engine, "zzz")


def test_meters_refuse_the_model_within_their_age(engine: Engine, migrated_url: str) -> None:
    apply_files(engine, SMALL_CONFIG)
    moment = LATER
    with Meter.open(migrated_url, now=lambda: moment, max_age=timedelta(seconds=5)) as meter:
        assert meter.route("anthropic", "extraction") == "claude-haiku-4-5"
        disable(engine)
        assert meter.route("anthropic", "extraction") == "claude-haiku-4-5"
        for number in range(6):
            # Recording all the while must not keep the meter from looking.
            moment += timedelta(seconds=1)
            usage = Usage(
                event_id=str(number), account="a", provider="anthropic", model="claude-haiku-4-5", units=UNITS
            )
            assert meter.record(usage).status == "priced"
        for ask in (
            lambda: meter.route("anthropic", "extraction"),
            lambda: meter.quote("anthropic", "claude-haiku-4-5", UNITS),
            lambda: meter.quote("anthropic", "claude-haiku", UNITS),
        ):
            with pytest.raises(UnregisteredModelError, match=r"claude-haiku-4-5 is not active"):
                ask()
        assert (meter.book.release.id, meter.book.edits) == (1, 1)
        enable(engine)
        with pytest.raises(UnregisteredModelError):
            meter.route("anthropic", "extraction")
        assert meter.reload().edits == 2
        assert meter.route("anthropic", "extraction") == "claude-haiku-4-5"


def test_drift_says_who_and_why_and_asks_for_the_commit(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    disable(engine)
    with reading(engine) as connection:
        drift = find_drift(connection, make_target(SMALL_CONFIG))
    (edit,) = drift.as_json()["edited"]
    assert (edit["action"], edit["key"], list(edit["fields"])) == ("update", KEY, ["active"])
    assert (edit["fields"]["active"]["released"], edit["fields"]["active"]["database"]) == (True, False)
    assert edit["reason"] == {"by": OUTAGE.by, "at": "2026-07-01T08:00:00Z", "reason": OUTAGE.text}
    lines = list(drift_lines(drift, Style()))
    assert "      answers in the wrong language  by On Call <on-call@example.com> at 2026-07-01 08:00Z" in lines
    assert f'      until git says so too: ratecard propose --set "{KEY}#active=false" --title "…"' in lines
    unsafe = plan_of(engine, make_target(SMALL_CONFIG), LATER).unsafe
    assert [(one.code, one.key) for one in unsafe] == [("DATABASE_EDITED", KEY)]


def test_undo_leaves_no_drift(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    disable(engine)
    done = enable(engine)
    assert (done.active, done.changed) == (True, True)
    assert len(rows_of_model(engine)) == 3
    with reading(engine) as connection:
        assert not find_drift(connection, make_target(SMALL_CONFIG)).found
    assert list(switched_lines(done, Style())) == [
        f"{KEY} is active now, past release 1, by On Call <on-call@example.com> at 2026-07-01 08:00Z",
        "reason: answers in the wrong language",
    ]


def test_what_git_made_inactive_is_not_undone(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    with pytest.raises(RefusedError) as caught:
        enable(engine, "anthropic/claude-3-opus")
    assert caught.value.code == "INACTIVE_IN_GIT"
    assert counts(engine)[3] == 0


def test_a_reason_does_not_outlive_the_release_that_followed(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    disable(engine)
    apply_files(engine, SMALL_CONFIG, LATER, allowed=["--force"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE models SET display_name = 'X' WHERE model = 'claude-haiku-4-5'"))
    with reading(engine) as connection:
        (edit,) = find_drift(connection, make_target(SMALL_CONFIG)).edited
    assert edit.reason is None


def test_git_catches_up_and_the_edit_is_adopted(engine: Engine) -> None:
    spare = SMALL_CONFIG["registry/openai.yaml"] + "  spare:\n    display_name: Spare\n    type: llm\n"
    priced = SMALL_CONFIG["pricing/openai.yaml"] + (
        "  spare:\n    - effective: 2026-01-01\n      per_million: {input: 1, output: 2}\n      margin: 2\n"
    )
    files = {**SMALL_CONFIG, "registry/openai.yaml": spare, "pricing/openai.yaml": priced}
    apply_files(engine, files)
    assert disable(engine, "openai/spare").routes == ()
    caught_up = {**files, "registry/openai.yaml": spare + "    active: false\n"}
    with reading(engine) as connection:
        assert not find_drift(connection, make_target(caught_up)).edited
    target = replace(make_target(caught_up), touched=lambda commit: [("model", "openai/spare")])
    plan = plan_of(engine, target, LATER)
    assert (plan.changes, plan.unsafe) == ((), ())
    assert apply_plan(engine, plan, target, now=LATER, applied_by="Release Desk").release == 2
    with reading(engine) as connection:
        assert not find_drift(connection, target).found
    assert plan_of(engine, make_target(files), LATER).unsafe == ()
    apply_files(engine, files, LATER)
    with reading(engine) as connection:
        assert not find_drift(connection, make_target(files)).found


def test_postgresql_tells_who_listens(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    if engine.dialect.name == "sqlite":
        # Nobody can listen there: whoever reads finds the edit counted.
        disable(engine)
        assert counts(engine)[3] == 1
        return
    with psycopg.connect(engine.url.set(drivername="postgresql").render_as_string(False), autocommit=True) as raw:
        raw.execute("LISTEN ratecard_release")
        disable(engine)
        assert [heard.payload for heard in raw.notifies(timeout=10, stop_after=1)] == ["1"]


def test_two_at_once_write_once(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    reasons = [Reason(f"person {number}", datetime(2026, 7, 1, tzinfo=UTC), "outage") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda reason: disable(engine, reason=reason), reasons))
    assert sorted(one.changed for one in done) == [False, False, False, True]
    assert counts(engine)[3] == 1
    assert len(rows_of_model(engine)) == 2


def test_text_warns_of_the_routes_that_refuse(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG, APPLIED)
    assert list(switched_lines(disable(engine, "openai/gpt-4o"), Style())) == [
        "model openai/gpt-4o is inactive now, past release 1, by On Call <on-call@example.com> at 2026-07-01 08:00Z",
        "reason: answers in the wrong language",
        "warning: route anthropic/chat_response names it as a fallback, which is no use now",
        "warning: route openai/_default leads to it: its calls are refused from now on",
        'until git says so, plans refuse: ratecard propose --set "model openai/gpt-4o#active=false" --title "…"',
    ]
    lines = list(switched_lines(disable(engine), Style()))
    assert lines[2:4] == [
        "warning: route anthropic/chat_response leads to it: 10 % of its calls are refused from now on",
        "warning: route anthropic/extraction leads to it: its calls are refused from now on",
    ]
