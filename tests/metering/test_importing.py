from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from metering.analytics import Period, usage_by
from metering.errors import ImportFileError
from metering.importing import BATCH, ImportReport, import_file
from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading
from schema.tables import usage_events
from tests.metering.rate_card import apply_rows, setting

HEADER = ("event_id", "occurred_at", "account", "provider", "model", "input", "output")


def row(number: int, **values: str) -> tuple[str, ...]:
    """A good row; the price in force is that of January."""
    named = dict(
        zip(HEADER, (f"e{number}", "2026-03-01", "acct-0001", "anthropic", "haiku", "1000", "10"), strict=True)
    )
    return tuple((named | values).values())


def write_csv(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    with path.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([header, *rows])
    return path


def rejects_of(report: ImportReport) -> list[list[str]]:
    assert report.rejects_path is not None
    with report.rejects_path.open(encoding="utf-8", newline="") as opened:
        return list(csv.reader(opened))


def reasons_of(report: ImportReport) -> list[tuple[int, str, str]]:
    """Line, reason and code of every reject."""
    found = []
    for cells in rejects_of(report)[1:]:
        reason, _, code = cells[-1].removesuffix("]").rpartition(" [")
        found.append((int(cells[-2]), reason, code))
    return found


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.rows, report.added, report.repeated, report.rejected


def test_a_second_run_adds_nothing(meter: Meter, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "usage.csv", [row(number) for number in range(1, 6)])
    first = import_file(meter, path)
    assert first == ImportReport(rows=5, added=5, repeated=0, unpriced=0, rejected=0, rejects_path=None)
    assert not (tmp_path / "usage.csv.rejects.csv").exists()
    charge = Decimal("1000") * Decimal("0.000001") + 10 * Decimal("0.000005")
    assert meter.balance("acct-0001").balance == -5 * 3 * charge
    assert import_file(meter, path) == ImportReport(5, 0, 5, 0, 0, None)
    assert meter.balance("acct-0001").balance == -5 * 3 * charge


def test_every_field_and_unit_lands(meter: Meter, card: Engine, tmp_path: Path) -> None:
    header = [
        "model",
        "account",
        "occurred_at",
        "event_id",
        "user",
        "task",
        "feature",
        "tool",
        "tier",
        "reasoning_level",
        "cpu_seconds",
        "gpu_seconds",
        "latency_ms",
        "metadata",
        "prompt_tokens",
        "completion_tokens",
        "cache_read",
        "run_unit",
    ]
    values = [
        "anthropic/haiku",
        "acct-0001",
        "2026-03-01 10:00:00.1234567",
        "e1",
        "u1",
        "extraction",
        "search",
        "browser",
        "heavy",
        "advanced",
        "0.25",
        "",
        "1200",
        '{"note": "two lines",\n"ratio": 0.5}',
        "1000.0",
        "10",
        "",
        "",
    ]
    report = import_file(meter, write_csv(tmp_path / "usage.csv", [values], header))
    assert counts(report) == (1, 1, 0, 0)
    with reading(card) as connection:
        found = connection.execute(select(usage_events)).one()
    assert found.occurred_at.isoformat() == "2026-03-01T10:00:00.123456+00:00"
    assert (found.provider, found.model, found.user_id, found.task) == ("anthropic", "haiku", "u1", "extraction")
    assert (found.feature, found.tool, found.tier, found.reasoning_level) == ("search", "browser", "heavy", "advanced")
    assert (found.cpu_seconds_micros, found.gpu_seconds_micros, found.latency_ms) == (250_000, None, 1_200)
    assert found.details == {"note": "two lines", "ratio": 0.5}
    assert (found.input_units, found.output_units, found.cache_read_units) == (1_000, 10, 0)
    assert found.cost_nanos == 1_000_000 + 15 * 5_000


def test_bad_rows_are_rejected_with_line_and_reason(meter: Meter, tmp_path: Path) -> None:
    rows = [
        row(1),
        row(2, input="-5"),
        row(3, input="1.5"),
        row(4, output="many"),
        row(5, occurred_at="soon"),
        row(6, occurred_at="2026-06-15T12:05:01Z"),
        row(7, model="haikuu"),
        row(8, model="unpriced"),
        row(9, account=""),
        (*row(10), "surplus"),
        row(11, input="", output=""),
        row(1, input="1001"),
        row(12, event_id="x" * 10_241),
        row(13, occurred_at="2026-06-15T12:05:00Z"),
        row(14, model="retired"),
    ]
    report = import_file(meter, write_csv(tmp_path / "usage.csv", rows))
    assert counts(report) == (15, 3, 0, 12)
    header, first, *_ = rejects_of(report)
    assert header == [*HEADER, "line", "reason"]
    assert first[:-2] == list(row(2, input="-5"))
    assert reasons_of(report) == [
        (3, "input is negative: -5", "BAD_EVENT"),
        (4, "input is 1.5; it must be a whole number", "BAD_EVENT"),
        (5, "output is 'many', which is not a number", "BAD_EVENT"),
        (6, "occurred_at is 'soon', which is not a time", "BAD_EVENT"),
        (7, "occurred_at is more than 5 minutes ahead: 2026-06-15T12:05:01+00:00", "BAD_EVENT"),
        (8, "model anthropic/haikuu is not registered; did you mean 'anthropic/haiku'?", "UNREGISTERED_MODEL"),
        (9, "model anthropic/unpriced has no price in force at 2026-03-01T00:00:00+00:00", "NO_PRICING_CONFIG"),
        (10, "account is missing", "BAD_EVENT"),
        (11, "the row has 8 fields, the header 7", "BAD_EVENT"),
        (12, "no unit is counted", "BAD_EVENT"),
        (13, "event e1 of account acct-0001 is known with other contents", "EVENT_CONFLICT"),
        (14, "event_id has 10241 bytes; at most 10240 are allowed", "BAD_EVENT"),
    ]


def test_a_row_that_contradicts_what_is_recorded_is_a_conflict(meter: Meter, tmp_path: Path) -> None:
    import_file(meter, write_csv(tmp_path / "usage.csv", [row(1), row(2)]))
    report = import_file(meter, write_csv(tmp_path / "usage.csv", [row(1), row(2, output="11"), row(3)]))
    assert counts(report) == (3, 1, 1, 1)
    reason = "event e2 of account acct-0001 is known with other contents"
    assert reasons_of(report) == [(3, reason, "EVENT_CONFLICT")]


def test_repaired_rejects_can_be_imported_as_they_are(meter: Meter, tmp_path: Path) -> None:
    report = import_file(meter, write_csv(tmp_path / "usage.csv", [row(1), row(2, input="-5")]))
    assert report.rejects_path is not None
    report.rejects_path.write_text(report.rejects_path.read_text().replace(",-5,", ",5,"))
    again = import_file(meter, report.rejects_path)
    assert counts(again) == (1, 1, 0, 0)
    clean = import_file(meter, write_csv(tmp_path / "usage.csv", [row(1)]))
    assert (clean.rejects_path, report.rejects_path.exists()) == (None, False)


def test_unpriced_rows_are_kept_on_request(meter: Meter, card: Engine, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "usage.csv", [row(1), row(2, model="unpriced"), row(3, model="new")])
    assert import_file(meter, path, keep_unpriced=True) == ImportReport(3, 3, 0, 2, 0, None)
    with reading(card) as connection:
        found = usage_by(connection, ["model"], Period())
    assert [(one.keys["model"], one.charge_nanos) for one in found] == [
        ("anthropic/haiku", 3_150_000),
        ("anthropic/new", 0),
        ("anthropic/unpriced", 0),
    ]


def test_an_account_that_is_not_created_is_a_reject(meter: Meter, card: Engine, tmp_path: Path) -> None:
    apply_rows(card, {"setting": [setting("unknown_account", "refuse")]})
    meter.reload()
    report = import_file(meter, write_csv(tmp_path / "usage.csv", [row(1)]))
    assert reasons_of(report) == [(2, "there is no account 'acct-0001'", "UNKNOWN_ACCOUNT")]


def test_jsonl_takes_units_apart_or_beside(meter: Meter, card: Engine, tmp_path: Path) -> None:
    base: dict[str, Any] = dict(zip(HEADER[:5], row(1)[:5], strict=True))
    lines = [
        json.dumps(base | {"event_id": "a", "units": {"input": 1000, "output": 10}, "metadata": {"ratio": 0.5}}),
        "",
        json.dumps(base | {"event_id": "b", "prompt_tokens": 1000, "completion_tokens": None, "output": 10}),
        json.dumps(base | {"event_id": "c", "input": 1, "units": {"input": 2}}),
        json.dumps(base | {"event_id": "d", "inptu": 1}),
        json.dumps(base | {"event_id": "e", "units": {"inptu": 1}}),
        json.dumps(base | {"event_id": "f", "input": 1.5}),
        json.dumps(base | {"event_id": "g", "input": True}),
        '{"event_id": "h", "event_id": "h"}',
        '{"event_id": "i", ',
        "[1]",
        json.dumps(base | {"event_id": 7, "input": 1}),
        json.dumps(base | {"event_id": "k", "input": 1}).replace("1}", "1e-999999999}"),
        json.dumps(base | {"event_id": "l", "input": 1, "user": "\ud800"}),
        json.dumps(base | {"event_id": "m", "occurred_at": 1_700_000_000, "input": 1}),
        json.dumps(base | {"event_id": "n", "units": [1]}),
        "[" * 100_000,
        json.dumps({"event_id": "o", "input": 1}),
    ]
    path = tmp_path / "usage.jsonl"
    path.write_text("\n".join(lines))
    report = import_file(meter, path)
    assert counts(report) == (17, 2, 0, 15)
    assert rejects_of(report)[0] == ["record", "line", "reason"]
    assert [(line, reason) for line, reason, _ in reasons_of(report)] == [
        (4, "two fields count input"),
        (5, "'inptu' is not a field; did you mean 'input'?"),
        (6, "'inptu' is not a unit; did you mean 'input'?"),
        (7, "input is 1.5; it must be a whole number"),
        (8, "input is True, which is not a number"),
        (9, "the line cannot be read: 'event_id' stands twice"),
        (10, "the line cannot be read: not JSON"),
        (11, "the line is not a JSON object"),
        (12, "event_id is 7, which is not text"),
        (13, "the line cannot be read: not JSON"),
        (14, "user is not valid Unicode"),
        (15, "occurred_at is not text"),
        (16, "units is not an object of unit and quantity"),
        (17, "the line cannot be read: not JSON"),
        (18, "occurred_at is missing"),
    ]
    with reading(card) as connection:
        assert [one.units for one in usage_by(connection, [], Period())] == [{"input": 2_000, "output": 20}]
        assert connection.execute(select(usage_events.c.details).order_by(usage_events.c.id)).scalars().first() == {
            "ratio": 0.5
        }
    assert import_file(meter, path).repeated == 2


def test_rows_without_a_model_that_use_a_feature_or_a_tool(meter: Meter, card: Engine, tmp_path: Path) -> None:
    feature: dict[str, Any] = {
        "feature": "image_gen",
        "display_name": None,
        "description": None,
        "cost_type": "per_image",
        "amount_pico": 40_000_000_000,
        "multiplier_micros": 1_000_000,
        "plan_overrides": {},
        "billable": True,
        "mode": "add",
    }
    apply_rows(card, {"feature": [feature, feature | {"feature": "web_search", "cost_type": "per_use"}]})
    meter.reload()
    header = [*HEADER, "image", "feature", "tool", "latency_ms"]
    without = {"provider": "", "model": "", "input": "", "output": ""}
    rows = [
        (*row(1, **without), "3", "image_gen", "", ""),
        (*row(2, **without), "", "web_search", "", ""),
        (*row(3, **without), "", "", "browser", "2500"),
        (*row(4), "", "web_search", "", ""),
        (*row(5, **without), "", "", "", ""),
        (*row(6, **without | {"provider": "anthropic"}), "", "web_search", "", ""),
        (*row(7, input="", output=""), "", "web_search", "", ""),
    ]
    report = import_file(meter, write_csv(tmp_path / "usage.csv", rows, header))
    assert counts(report) == (7, 4, 0, 3)
    assert reasons_of(report) == [
        (6, "model is missing", "BAD_EVENT"),
        (7, "provider is given without a model", "BAD_EVENT"),
        (8, "no unit is counted", "BAD_EVENT"),
    ]
    with reading(card) as connection:
        found = usage_by(connection, ["model"], Period())
        tools = usage_by(connection, ["tool"], Period())
    assert [(one.keys["model"], one.requests, one.cost_nanos, one.charge_nanos) for one in found] == [
        ("anthropic/haiku", 1, 1_050_000, 43_150_000),
        (None, 3, 0, 160_000_000),
    ]
    (browser,) = (one for one in tools if one.keys["tool"] == "browser")
    assert browser.units["run_unit"] >= 2_500_000

    columns = [name for name in header if name not in ("provider", "model", "input", "output", "image")]
    alone = write_csv(tmp_path / "alone.csv", [("e8", "2026-03-01", "acct-0001", "web_search", "", "")], columns)
    assert counts(import_file(meter, alone)) == (1, 1, 0, 0)
    line = {"event_id": "e9", "occurred_at": "2026-03-01", "account": "acct-0001"}
    path = tmp_path / "usage.jsonl"
    path.write_text(f"{json.dumps(line | {'feature': 'web_search'})}\n{json.dumps(line)}\n")
    report = import_file(meter, path)
    assert (counts(report), reasons_of(report)) == ((2, 1, 0, 1), [(2, "model is missing", "BAD_EVENT")])
    assert meter.balance("acct-0001").balance == -Decimal("0.16") - Decimal("0.04315") - 2 * Decimal("0.04")


def test_a_byte_order_mark_and_blank_lines_are_read_over(meter: Meter, tmp_path: Path) -> None:
    path = tmp_path / "usage.CSV"
    path.write_bytes(b"\xef\xbb\xbf" + ",".join(HEADER).encode() + b"\r\n\r\n" + ",".join(row(1)).encode())
    assert counts(import_file(meter, path)) == (1, 1, 0, 0)


def test_a_header_without_rows_is_an_empty_import(meter: Meter, tmp_path: Path) -> None:
    assert counts(import_file(meter, write_csv(tmp_path / "usage.csv", []))) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("event_id,occurred_at,account,model,inptu", "'inptu' is not a column; did you mean 'input'?"),
        (
            "event_id,occurred_at,account,model,input,input_tokens",
            "columns 'input' and 'input_tokens' both count input",
        ),
        ("event_id,occurred_at,account,model,prompt_tokens,input_tokens", "'prompt_tokens' and 'input_tokens' both"),
        ("event_id,occurred_at,account,model,model,input", "column 'model' stands twice"),
        ("event_id,account,model,input,,", "a column has no name; a column has no name; column 'occurred_at' is miss"),
        ("event_id,occurred_at,account,model", "there is no column of a unit, such as input and output"),
        ("event_id,occurred_at,account,input", "column 'model' is missing"),
        ("foo,bar", "'foo' is not a column; 'bar' is not a column; column 'event_id' is missing; column 'occurred_at'"),
        ("event_id;occurred_at;account;model;input", "its columns are not separated by commas"),
    ],
)
def test_a_wrong_header_writes_nothing(meter: Meter, tmp_path: Path, header: str, message: str) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(f"{header}\n{','.join(row(1))}\n")
    with pytest.raises(ImportFileError) as raised:
        import_file(meter, path)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["usage.csv"]


GOOD = (",".join(HEADER) + "\n" + "\n".join(",".join(row(number)) for number in range(3)) + "\n").encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("usage.csv", b"", "usage.csv is empty"),
        ("usage.csv", b"\n\n", "usage.csv holds no header"),
        ("usage.csv", GOOD + b"e9,2026-03-01,acct,anthropic,haiku,1,\xff\n", "usage.csv:5 is not UTF-8 at byte 38"),
        ("usage.csv", GOOD + b"\x00\x01", "usage.csv:5 holds a zero byte: this is no text file"),
        ("usage.csv", GOOD.decode().encode("utf-16"), "usage.csv is UTF-16; save the file as UTF-8"),
        ("usage.csv", GOOD + b"x" * 10_000_000 + b",2,3\n", "usage.csv:5 is longer than 1,048,576 bytes"),
        ("usage.csv", GOOD + b'e9,"' + b"y\n" * 100_000 + b'"\n', "a field has more than 131,072 characters"),
        ("usage.csv", GOOD + b'e9,"2026\ne10,2026\n', "usage.csv:5: a quote is opened and never closed"),
        ("usage.txt", GOOD, "usage.txt ends neither in .csv nor in .jsonl; say which it is with --input-format"),
        ("usage.jsonl", b"\n\n", "usage.jsonl holds no event"),
        ("usage.jsonl", GOOD, "usage.jsonl:1 is not a JSON object: this is no JSONL"),
    ],
)
def test_a_fault_of_the_file_writes_nothing(
    meter: Meter, card: Engine, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImportFileError) as raised:
        import_file(meter, path)
    assert message in str(raised.value)
    with reading(card) as connection:
        assert usage_by(connection, [], Period()) == []
    assert sorted(file.name for file in tmp_path.iterdir()) == [name]


def test_a_missing_file_or_a_folder(meter: Meter, tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"nothing\.csv does not exist"):
        import_file(meter, tmp_path / "nothing.csv")
    with pytest.raises(ImportFileError, match="is not a file"):
        import_file(meter, tmp_path)


def test_rejects_that_cannot_be_written_stop_before_anything_is(meter: Meter, card: Engine, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "usage.csv", [row(1)])
    (tmp_path / "usage.csv.rejects.csv").mkdir()
    with pytest.raises(ImportFileError, match=r"usage\.csv\.rejects\.csv cannot be written: Is a directory"):
        import_file(meter, path)
    with reading(card) as connection:
        assert usage_by(connection, [], Period()) == []


def test_an_interrupted_import_is_completed_by_the_next(meter: Meter, card: Engine, tmp_path: Path) -> None:
    rows = [row(number) for number in range(2 * BATCH + 500)]
    path = write_csv(tmp_path / "usage.csv", rows)

    def interrupt(done: int, whole: int) -> None:
        assert whole == len(rows)
        if done == 2 * BATCH:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(meter, path, progress=interrupt)
    with reading(card) as connection:
        assert [one.requests for one in usage_by(connection, [], Period())] == [2 * BATCH]
    seen: list[tuple[int, int]] = []
    report = import_file(meter, path, progress=lambda done, whole: seen.append((done, whole)))
    assert counts(report) == (10_500, 500, 10_000, 0)
    assert seen == [(5_000, 10_500), (10_000, 10_500), (10_500, 10_500)]
    assert not (tmp_path / "usage.csv.rejects.csv").exists()


def test_an_imported_row_is_the_event_that_record_makes(meter: Meter, tmp_path: Path) -> None:
    usage = Usage(
        event_id="e1",
        account="acct-0001",
        provider="anthropic",
        model="haiku",
        occurred_at="2026-03-01",
        units={"input": 1_000, "output": 10},
    )
    meter.record(usage)
    assert counts(import_file(meter, write_csv(tmp_path / "usage.csv", [row(1)]))) == (1, 0, 1, 0)
