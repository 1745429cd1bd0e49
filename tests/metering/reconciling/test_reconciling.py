"""Our events beside files of providers and gateways, in the shapes that those write."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import Engine

from metering.errors import ImportFileError, UnregisteredModelError
from metering.meter import Meter
from metering.reconciling import Limits, Options, Report
from metering.usage import Usage
from tests.metering.rate_card import Clock, apply_rows, change, model_row, price_row

DAY = date(2026, 6, 10)
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture
def meter(meter: Meter, card: Engine) -> Meter:
    """A meter that also knows the models of the files below."""
    apply_rows(
        card,
        {
            "model": [
                model_row("openai", "gpt-4o", aliases=["gpt-4o-latest"]),
                model_row("anthropic", "claude-haiku-4-5"),
            ],
            "price": [price_row("openai", "gpt-4o"), price_row("anthropic", "claude-haiku-4-5")],
            "reasoning": [
                {"level": "double", "multiplier_micros": 2_000_000},
                {"level": "triple", "multiplier_micros": 3_000_000},
            ],
        },
    )
    meter.reload()
    return meter


def record(meter: Meter, event_id: str, model: str = "openai/gpt-4o", **values: Any) -> None:
    provider, _, name = model.partition("/")
    values = {"account": "a", "occurred_at": NOON, "units": {"input": 1_000, "output": 200}} | values
    meter.record(Usage(event_id=event_id, provider=provider, model=name, **values))


def spend(request_id: str, **values: Any) -> dict[str, Any]:
    """A row of LiteLLM's spend logs, as its API gives it; it costs what our price says."""
    row = {
        "request_id": request_id,
        "call_type": "acompletion",
        "api_key": "88dc28d0",
        "spend": 0.002,
        "total_tokens": 1_200,
        "prompt_tokens": 1_000,
        "completion_tokens": 200,
        "startTime": "2026-06-10T12:00:00.123000Z",
        "endTime": "2026-06-10T12:00:01.123000Z",
        "model": "gpt-4o",
        "custom_llm_provider": "openai",
        "metadata": {"usage_object": {"prompt_tokens": 1_000, "prompt_tokens_details": {"cached_tokens": 0}}},
        "cache_hit": "False",
        "status": "success",
    }
    return row | values


def compared(meter: Meter, tmp_path: Path, contents: Any, **options: Any) -> Report:
    path = tmp_path / "theirs"
    path.write_text(contents if isinstance(contents, str) else json.dumps(contents), encoding="utf-8")
    return meter.reconcile(path, Options(**options))


def found(report: Report) -> list[tuple[str, str, str]]:
    return [(one.code, one.target, one.message) for one in report.findings]


def test_spend_logs_that_agree_are_clean(meter: Meter, tmp_path: Path) -> None:
    record(meter, "one")
    record(meter, "two", units={"input": 700, "cache_read": 300, "output": 150, "reasoning": 50})
    usage = {"prompt_tokens_details": {"cached_tokens": 300}}
    rows = [
        spend("one"),
        # Floats of a gateway: what it adds up is off by less than a nano-dollar.
        spend("two", spend=0.0020000000000000005, metadata=json.dumps({"usage_object": usage})),
        spend("failed", status="failure", spend=0.0, prompt_tokens=0, completion_tokens=0),
    ]
    report = compared(meter, tmp_path, rows)
    assert found(report) == []
    assert (report.shape, report.match, report.theirs, report.ours) == ("litellm", "id", 2, 2)
    assert (report.start, report.end, report.providers) == (DAY, DAY + timedelta(days=1), ("openai",))
    lines = "\n".join(map(json.dumps, rows))
    assert found(compared(meter, tmp_path, lines)) == []


def test_missing_orphan_differing_and_foreign_calls_are_found(meter: Meter, tmp_path: Path) -> None:
    record(meter, "counted otherwise")
    record(meter, "of another model", "anthropic/claude-haiku-4-5")
    record(meter, "unknown to them", account="b")
    record(meter, "of a provider that the file is not about", "anthropic/haiku")
    report = compared(
        meter,
        tmp_path,
        [
            spend("counted otherwise", prompt_tokens=1_001, spend="0.002001"),
            spend("of another model"),
            spend("not recorded"),
            spend("not recorded"),
            spend("strange", model="mystery-1"),
        ],
    )
    assert found(report) == [
        ("DUPLICATE", "not recorded", "also item 3"),
        (
            "UNKNOWN_MODEL",
            "mystery-1",
            "1 row of a model that is none of ours; say which one it is by --name 'mystery-1=PROVIDER/MODEL'",
        ),
        ("DIFFERS", "counted otherwise", "input 1000, theirs 1001"),
        ("DIFFERS", "counted otherwise", "cost 0.002, theirs 0.002001"),
        ("DIFFERS", "of another model", "recorded as anthropic/claude-haiku-4-5, they say gpt-4o"),
        ("MISSING", "not recorded", "openai/gpt-4o: 1,000 input, 200 output not recorded"),
        ("ORPHAN", "unknown to them", "openai/gpt-4o: they do not know it"),
    ]
    orphan = report.findings[-1]
    assert (orphan.account, orphan.day, orphan.measure) == ("b", DAY, None)
    differing = report.findings[2]
    assert (differing.measure, differing.ours, differing.theirs, differing.place) == ("input", "1000", "1001", "item 1")


def test_the_thresholds_are_strict(meter: Meter, tmp_path: Path) -> None:
    """More than twice the output, and more than 100,000 tokens of input."""
    record(meter, "twice", reasoning_level="double")
    record(meter, "more", reasoning_level="double", units={"input": 1_000, "output": 201})
    record(meter, "thrice", reasoning_level="triple")
    record(meter, "large", units={"input": 60_000, "cache_read": 40_000, "output": 200})
    record(meter, "larger", units={"input": 60_000, "cache_read": 40_001, "output": 200})
    costs = {"twice": "0.003", "more": "0.00301", "thrice": "0.004", "large": "0.101", "larger": "0.101001"}
    rows = [spend(name, spend=cost, metadata=None) for name, cost in costs.items()]
    rows[3]["prompt_tokens"], rows[4]["prompt_tokens"] = 100_000, 100_001
    assert found(compared(meter, tmp_path, rows)) == [
        ("DIFFERS", "more", "output 201, theirs 200"),
        ("OUTPUT_RATIO", "more", "output priced as 402, theirs 200, 2.01 times"),
        ("OUTPUT_RATIO", "thrice", "output priced as 600, theirs 200, 3 times"),
        ("LARGE_INPUT", "larger", "openai/gpt-4o: an input of 100,001 tokens, more than 100,000"),
    ]
    loose = Limits(output_ratio_micros=3_000_000, large_input=200_000, tolerance_micros=5_000)
    assert found(compared(meter, tmp_path, rows, limits=loose)) == []
    rows[0]["completion_tokens"] = 0
    assert ("OUTPUT_RATIO", "twice", "output priced as 400, theirs 0") in found(compared(meter, tmp_path, rows))


def openai_usage(**result: Any) -> dict[str, Any]:
    """A page of OpenAI's usage report, grouped by model."""
    row = {
        "object": "organization.usage.completions.result",
        "input_tokens": 2_000,
        "output_tokens": 400,
        "input_cached_tokens": 0,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "num_model_requests": 2,
        "project_id": None,
        "user_id": None,
        "api_key_id": None,
        "model": "gpt-4o-2024-08-06",
        "batch": None,
    }
    start = int(datetime(2026, 6, 10, tzinfo=UTC).timestamp())
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": [row | result]}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def test_openais_report_is_compared_by_day_and_model(meter: Meter, tmp_path: Path) -> None:
    record(meter, "one", units={"input": 600, "cache_read": 400, "output": 150, "reasoning": 50})
    record(meter, "two", units={"input": 900, "audio_input": 100, "output": 200})
    record(meter, "elsewhere", "anthropic/haiku")
    report = compared(meter, tmp_path, openai_usage(input_cached_tokens=400))
    assert found(report) == []
    assert (report.shape, report.match, report.ours) == ("openai", "totals", 2)
    assert report.assumed == {"gpt-4o-2024-08-06": "openai/gpt-4o"}
    assert found(compared(meter, tmp_path, openai_usage(num_model_requests=3, output_tokens=150))) == [
        ("DIFFERS", "openai/gpt-4o", "requests 2, theirs 3"),
        ("DIFFERS", "openai/gpt-4o", "output 400, theirs 150"),
        ("DIFFERS", "openai/gpt-4o", "cache_read 400, theirs 0"),
        ("OUTPUT_RATIO", "openai/gpt-4o", "output priced as 400, theirs 150, 2.667 times"),
    ]
    pages = [{**openai_usage(input_tokens=1_500), "has_more": True}, openai_usage(input_tokens=500, output_tokens=0)]
    (differs,) = compared(meter, tmp_path, pages).findings[:1]
    assert (differs.measure, differs.theirs) == ("requests", "4")
    text = "start_time,start_time_iso,model,num_model_requests,input_tokens,output_tokens,input_cached_tokens\n"
    text += "1781049600,2026-06-10T00:00:00+00:00,gpt-4o-latest,2,2000,400,400\n"
    assert found(compared(meter, tmp_path, text)) == []


def test_anthropics_report_counts_what_was_cached_apart(meter: Meter, tmp_path: Path) -> None:
    units = {"input": 1_500, "cache_write": 500, "cache_write_1h": 1_000, "cache_read": 200, "output": 500}
    record(meter, "one", "anthropic/claude-haiku-4-5", units=units)
    result = {
        "uncached_input_tokens": 1_500,
        "cache_creation": {"ephemeral_1h_input_tokens": 1_000, "ephemeral_5m_input_tokens": 500},
        "cache_read_input_tokens": 200,
        "output_tokens": 500,
        "server_tool_use": {"web_search_requests": 10},
        "api_key_id": None,
        "workspace_id": None,
        "model": "claude-haiku-4-5-20251001",
        "service_tier": "standard",
        "context_window": "0-200k",
    }
    bucket = {"starting_at": "2026-06-10T00:00:00Z", "ending_at": "2026-06-11T00:00:00Z", "results": [result]}
    report = compared(meter, tmp_path, {"data": [bucket], "has_more": False, "next_page": None})
    assert (found(report), report.shape) == ([], "anthropic")
    result["cache_creation"] = {"ephemeral_1h_input_tokens": 500, "ephemeral_5m_input_tokens": 1_000}
    assert [one[2] for one in found(compared(meter, tmp_path, {"data": [bucket]}))] == [
        "cache_write 500, theirs 1000",
        "cache_write_1h 1000, theirs 500",
    ]
    text = (
        "usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
        "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens\n"
        "2026-06-10,claude-haiku-4-5-20251001,1500,500,1000,200,500\n"
    )
    report = compared(meter, tmp_path, text)
    assert (found(report), report.shape) == ([], "anthropic-console")


def test_days_and_models_of_one_side_only_are_found(meter: Meter, tmp_path: Path) -> None:
    record(meter, "one", occurred_at=NOON - timedelta(days=1))
    record(meter, "other", "openai/gpt")
    text = "day,provider,model,input,output,requests\n2026-06-09,openai,gpt-4o,1000,200,1\n2026-06-10,,gpt-4o,1,1,1\n"
    report = compared(meter, tmp_path, text)
    assert found(report) == [
        ("ORPHAN", "openai/gpt", "1 calls are recorded, they know none of that day"),
        ("MISSING", "openai/gpt-4o", "no call of it is recorded on that day"),
    ]
    assert (report.findings[1].place, report.findings[1].day) == ("line 3", DAY)
    report = compared(meter, tmp_path, text, end=DAY)
    assert (found(report), report.outside) == ([], 1)


def test_a_table_with_ids_is_compared_by_event_or_by_sums(meter: Meter, tmp_path: Path) -> None:
    record(meter, "1")
    record(meter, "2", occurred_at=datetime(2026, 6, 9, 23, 59, 59, tzinfo=UTC))
    text = (
        "id,timestamp,model,input_tokens,output_tokens,cost_usd\n"
        "1,2026-06-10 12:00:00,openai/gpt-4o,1000,200,0.002\n"
        "2,2026-06-10T00:00:01Z,gpt-4o,1000,200,0.002\n"
    )
    assert found(compared(meter, tmp_path, text)) == []
    by_sum = compared(meter, tmp_path, text, match="totals")
    assert [one[2] for one in found(by_sum)] == [
        "requests 1, theirs 2",
        "input 1000, theirs 2000",
        "output 200, theirs 400",
        "cost 0.002, theirs 0.004",
    ]
    with pytest.raises(ImportFileError, match="line 2 has no id of an event; compare sums by --match totals"):
        compared(meter, tmp_path, text.replace("\n1,", "\n,"), match="id")


def test_calls_that_are_not_settled_may_be_on_one_side(meter: Meter, clock: Clock, tmp_path: Path) -> None:
    """The clock stands at noon of the 15th: with ten minutes, what came after 11:50 is not settled."""
    for event_id, minute in (("ours, settled", 50), ("ours, young", 51), ("both", 49)):
        record(meter, event_id, occurred_at=clock.moment.replace(hour=11, minute=minute))
    rows = [
        spend("theirs, settled", startTime="2026-06-15T11:50:00Z"),
        spend("theirs, young", startTime="2026-06-15T11:50:00.001Z"),
        spend("both", startTime="2026-06-15T11:59:00Z"),
    ]
    report = compared(meter, tmp_path, rows, settled=timedelta(minutes=10))
    assert [(code, target) for code, target, _ in found(report)] == [
        ("MISSING", "theirs, settled"),
        ("ORPHAN", "ours, settled"),
    ]
    assert len(compared(meter, tmp_path, rows).findings) == 4


def test_uses_that_called_no_model_are_no_orphans(meter: Meter, tmp_path: Path) -> None:
    record(meter, "one")
    meter.record(Usage(event_id="search", account="a", feature="rag_search", occurred_at=NOON))
    meter.record(Usage(event_id="run", account="a", tool="sandbox_execute", cpu_seconds=2, occurred_at=NOON))
    assert found(compared(meter, tmp_path, [spend("one")])) == []


def test_one_id_of_two_accounts_is_told(meter: Meter, tmp_path: Path) -> None:
    for account in ("a", "b"):
        record(meter, "same", account=account)
    messages = [one[2] for one in found(compared(meter, tmp_path, [spend("same")]))]
    assert messages[:2] == ["requests 2, theirs 1", "input 2000, theirs 1000"]


def test_rerated_costs_are_compared(meter: Meter, card: Engine, tmp_path: Path) -> None:
    record(meter, "one")
    from metering.rerating import Scope

    apply_rows(card, {"price": [price_row("openai", "gpt-4o", rates={"input": 2_000_000, "output": 10_000_000})]})
    meter.rerating.write(meter.rerating.survey(Scope(DAY)), by="prices@example.com")
    assert found(compared(meter, tmp_path, [spend("one", spend=0.004)])) == []


def test_names_of_theirs_are_told(meter: Meter, card: Engine, tmp_path: Path) -> None:
    record(meter, "one")
    rows = [spend("one", model="azure/my-deployment", custom_llm_provider="azure")]
    assert found(compared(meter, tmp_path, rows, names={"azure/my-deployment": "gpt-4o-latest"})) == []
    with pytest.raises(UnregisteredModelError):
        compared(meter, tmp_path, rows, names={"azure/my-deployment": "openai/none"})
    # A gateway's word for the provider is not ours, but only one model has the name.
    assert found(compared(meter, tmp_path, [spend("one", custom_llm_provider="azure")])) == []
    # Our provider may have another name than the shape's.
    apply_rows(
        card, {"model": [change("model", {"model": "gpt"}, provider="ours")], "price": [price_row("ours", "gpt")]}
    )
    meter.reload()
    record(meter, "two", "ours/gpt")
    usage = openai_usage(model="gpt", input_tokens=1_000, output_tokens=200, num_model_requests=1)
    assert found(compared(meter, tmp_path, usage, provider="ours")) == []
    with pytest.raises(ImportFileError, match="'theirs' is none of our providers"):
        compared(meter, tmp_path, usage, provider="theirs")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("", "is empty"),
        ("[]", "holds no row"),
        ("{", "is no JSON"),
        ('{"a": NaN}', "is no JSON"),
        ("[1]", "item 1 is not a JSON object"),
        ('{"request_id": 1}\n[2]\n', ":2 is not a JSON object"),
        ('{"request_id": 1}\n{\n', ":2 is no JSON"),
        ([{"thing": 1}], "is no file of usage that is known here: item 1 has the fields thing"),
        ("a,b\n1,2\n", "line 2 has the fields a, b"),
        ("model,model\nx,y\n", "column 'model' stands twice"),
        ("model,day\nx\n", ":2: the row has 1 fields, the header 2"),
        ("model,day,input\ngpt-4o,Tuesday,1\n", "line 2: day is 'Tuesday', which is no date or time"),
        ("model,day,input\ngpt-4o,0001-01-01,1\n", "line 2: day is '0001-01-01', when no call was made"),
        ("model,day,input\ngpt-4o,9999-12-31,1\n", "line 2: day is '9999-12-31', when no call was made"),
        ("model,day,input\ngpt-4o,0001-01-01T00:00:00+14:00,1\n", "which is no date or time"),
        ("model,day,input\ngpt-4o,,1\n", "line 2: occurred_at is missing"),
        ("model,day,input\ngpt-4o,2026-06-10,-1\n", "line 2: input is '-1', which is not a whole number"),
        ("model,day,input\ngpt-4o,2026-06-10,1.5\n", "which is not a whole number"),
        ("model,day,input\ngpt-4o,2026-06-10,1e999999999\n", "which is no number"),
        ("model,day,cost\ngpt-4o,2026-06-10,1e12\n", "which can only be a slip"),
        ([spend("x", prompt_tokens=True)], "prompt_tokens is True, which is no number"),
        ([spend("x", model="")], "item 1: model is missing"),
        (openai_usage(model=None), "model is missing; group the report by model"),
        ({**openai_usage(), "has_more": True}, "is not the whole report"),
        (openai_usage(num_model_requests=0, input_tokens=0, output_tokens=0), "counts nothing"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_files_that_cannot_be_read_are_refused(meter: Meter, tmp_path: Path, contents: Any, message: str) -> None:
    with pytest.raises(ImportFileError) as caught:
        compared(meter, tmp_path, contents)
    assert message in str(caught.value)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("match", ["id", "totals"])
def test_a_period_may_be_all_of_time(meter: Meter, tmp_path: Path, match: Literal["id", "totals"]) -> None:
    record(meter, "one")
    told = f"event_id,model,day,input,output\none,gpt-4o,{DAY},1000,200\n"
    report = compared(meter, tmp_path, told, match=match, start=date.min, end=date.max)
    assert (report.findings, report.ours) == ((), 1)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_is_no_text_or_not_there_is_refused(meter: Meter, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, message in (
        ("binary", "is not UTF-8 text"),
        ("none", "cannot be read: No such file"),
        (".", "directory"),
    ):
        with pytest.raises(ImportFileError, match=message):
            meter.reconcile(tmp_path / name)
