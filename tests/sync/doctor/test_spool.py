"""What a state of the spool means to whoever looks after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from metering.book.file import database_name
from metering.spool import Spool, SpoolState, Waiting
from metering.usage import Usage, read_usage
from schema.database import make_engine
from sync.doctor.spool import check_spool, spool_checks

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def found(state: SpoolState) -> list[tuple[str, str, str | None]]:
    return [(check.level, check.message, check.advice) for check in spool_checks(state, NOW)]


def test_each_state_says_what_to_do() -> None:
    assert found(SpoolState("/spool", limit=10**8)) == [("ok", "/spool: no call waits; 0.0 of 100 MB", None)]
    waits = SpoolState("/spool", 2_000_000, 10**8, 1, NOW - timedelta(seconds=29))
    assert found(waits) == [("ok", "/spool: 1 call has waited for 29 s; 2.0 of 100 MB", None)]
    longer = SpoolState(
        "/spool",
        80_000_000,
        10**8,
        1_200,
        NOW - timedelta(minutes=12),
        {"UNKNOWN_ACCOUNT": 1, "EVENT_CONFLICT": 2},
        {"postgresql://old:5432/books": 3},
        ["/spool/x.events belongs to another user"],
    )
    assert found(longer) == [
        (
            "warn",
            "/spool: 1,200 calls have waited for 12 min; 80.0 of 100 MB",
            "look at the database, then ratecard meter drain",
        ),
        (
            "fail",
            "it is nearly full: 80.0 of 100 MB",
            "bring the database back, or raise RATECARD_SPOOL_MB: when it is full, calls are refused",
        ),
        (
            "warn",
            "3 calls that waited were refused: 2 EVENT_CONFLICT, 1 UNKNOWN_ACCOUNT",
            "ratecard meter drain lists them; mend the cause, then ratecard meter drain --again",
        ),
        (
            "warn",
            "3 calls wait for another database, postgresql://old:5432/books",
            "should it have moved here: ratecard meter drain --moved-from postgresql://old:5432/books",
        ),
        (
            "fail",
            "not read: /spool/x.events belongs to another user",
            "look at the file; what is in it is not recorded",
        ),
    ]


def test_the_folder_is_looked_at_while_the_database_is_away(tmp_path: Path) -> None:
    engine = make_engine("postgresql://someone:secret@127.0.0.1:1/books")
    folder = tmp_path / "spool"
    environment = {"RATECARD_SPOOL": str(folder), "RATECARD_SPOOL_MB": "1"}
    assert list(check_spool(engine, {}, NOW)) == []
    assert [check.level for check in check_spool(engine, environment, NOW)] == ["ok"]
    call = Waiting(read_usage(Usage(event_id="1", account="a", model="m"), now=NOW), NOW - timedelta(hours=3))
    Spool(folder, database_name(engine), 1_000_000).append([call])
    (check,) = check_spool(engine, environment, NOW)
    assert (check.level, check.message) == ("warn", f"{folder}: 1 call has waited for 3 h; 0.0 of 1 MB")
    (check,) = check_spool(engine, environment | {"RATECARD_SPOOL_MB": "x"}, NOW)
    assert (check.level, check.advice) == ("fail", "mend RATECARD_SPOOL")
    folder.chmod(0o777)
    (check,) = check_spool(engine, environment, NOW)
    assert (check.level, check.message) == ("fail", f"others may write {folder}; `chmod go-w` it")
