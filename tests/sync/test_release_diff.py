from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from schema.database import reading
from sync.errors import RefusedError
from sync.release_diff import ReleaseDiff, beside_prices, diff_releases
from sync.render.release_diff_text import release_diff_lines, release_diff_markdown
from sync.render.style import Style
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import APPLIED, LATER, apply_files, make_target

LAST = datetime(2026, 8, 1, tzinfo=UTC)
RENAMED = {**SMALL_CONFIG, "registry/openai.yaml": SMALL_CONFIG["registry/openai.yaml"].replace("GPT-4o", "GPT 4o")}
DEARER = {
    **RENAMED,
    "pricing/openai.yaml": SMALL_CONFIG["pricing/openai.yaml"] + "    - {effective: 2026-03-01, per_million: {input: 3,"
    " output: 12}, margin: 1.5}\n",
    "credit_packs.yaml": SMALL_CONFIG["credit_packs.yaml"].partition("  Growth:")[0],
}


@pytest.fixture(autouse=True)
def _applied(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG, APPLIED, label="v1")
    apply_files(engine, RENAMED, LATER)
    apply_files(engine, DEARER, LAST, label="v3")


def diff(engine: Engine, before: str, after: str) -> ReleaseDiff:
    with reading(engine) as connection:
        return diff_releases(connection, before, after)


def told(diff: ReleaseDiff) -> list[tuple[str, str]]:
    return [(difference.action, difference.key) for difference in diff.differences]


def test_two_releases_with_several_between(engine: Engine) -> None:
    found = diff(engine, "1", "3")
    assert told(found) == [
        ("update", "model openai/gpt-4o"),
        ("create", "price openai/gpt-4o@2026-03-01"),
        ("delete", "pack Growth"),
    ]
    assert found.summary == {"create": 1, "update": 1, "delete": 1}
    shown = found.as_json()
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["format_version"], shown["from"]["id"], shown["to"]["id"], shown["to"]["label"]) == (1, 1, 3, "v3")
    assert shown["changes"][0]["before"]["display_name"] == "GPT-4o"
    assert shown["changes"][0]["after"]["display_name"] == "GPT 4o"
    # It arrived after its date: nobody was billed backwards.
    assert shown["changes"][1]["after"]["in_force_from"] == "2026-08-01"


def test_backwards_is_the_inverse(engine: Engine) -> None:
    there, back = diff(engine, "1", "3"), diff(engine, "3", "1")
    inverse = {"create": "delete", "delete": "create", "update": "update"}
    assert [(one.key, inverse[one.action], one.after, one.before) for one in there.differences] == [
        (one.key, one.action, one.before, one.after) for one in back.differences
    ]


def test_a_new_price_tells_what_it_changes(engine: Engine) -> None:
    there, back = diff(engine, "2", "3"), diff(engine, "3", "2")
    with reading(engine) as connection:
        dearer, cheaper = (
            beside_prices(connection, there).differences[0],
            beside_prices(connection, back).differences[0],
        )
        assert beside_prices(connection, diff(engine, "0", "1")) == diff(engine, "0", "1")
        assert beside_prices(connection, diff(engine, "1", "2")) == diff(engine, "1", "2")

    assert (dearer.action, dearer.key) == ("create", "price openai/gpt-4o@2026-03-01")
    assert dearer.fields == [
        ("effective", "2026-01-01", "2026-03-01"),
        ("per_million.input", "2.5", "3"),
        ("per_million.output", "10", "12"),
        ("per_million.cache_read", "1.25", ""),
        ("in_force_from", "", "2026-08-01"),
    ]
    assert cheaper.action == "delete"
    assert sorted(cheaper.fields) == sorted((name, new, old) for name, old, new in dearer.fields)


def test_nothing_stands_before_the_first(engine: Engine) -> None:
    whole = diff(engine, "0", "1")
    assert whole.summary == {"create": 24, "update": 0, "delete": 0}
    assert diff(engine, "1", "0").summary == {"create": 0, "update": 0, "delete": 24}
    assert diff(engine, "0", "3").summary == {"create": 24, "update": 0, "delete": 0}
    assert whole.as_json()["from"] is None
    assert diff(engine, "0", "0").differences == ()


def test_what_came_back_is_no_difference(engine: Engine) -> None:
    apply_files(engine, RENAMED, LAST, allowed=["--reprice"])
    apply_files(engine, SMALL_CONFIG, LAST)
    assert told(diff(engine, "1", "5")) == []
    assert told(diff(engine, "2", "2")) == []
    assert list(release_diff_lines(diff(engine, "2", "2"), Style()))[-1] == "no differences"


def test_moment_from_which_a_price_is_in_force_is_a_difference(engine: Engine) -> None:
    apply_files(engine, RENAMED, LAST, allowed=["--reprice"])
    apply_files(engine, DEARER, LAST, allowed=["--reprice"])
    (moved,) = diff(engine, "3", "5").differences
    assert (moved.action, moved.key) == ("update", "price openai/gpt-4o@2026-03-01")
    assert moved.before is not None
    assert moved.before["in_force_from"] == "2026-08-01"
    assert moved.after is not None
    assert "in_force_from" not in moved.after


def test_releases_are_named_by_number_or_label(engine: Engine) -> None:
    assert told(diff(engine, "v1", "v3")) == told(diff(engine, "1", "3"))
    for name in ("4", "v2", "-1", ""):
        with pytest.raises(RefusedError) as caught:
            diff(engine, "1", name)
        assert str(caught.value) == (
            f"there is no release '{name}': the newest is 3; see `ratecard releases` [UNKNOWN_RELEASE]"
        )


def test_text_and_markdown(engine: Engine) -> None:
    found = diff(engine, "1", "3")
    first, last = make_target(SMALL_CONFIG).commit.sha[:12], make_target(DEARER).commit.sha[:12]
    by = "Price Desk <prices@example.com>: Change the prices"
    assert list(release_diff_lines(found, Style())) == [
        f"from  release 1 (v1)  {first}  2026-06-01 12:30Z  {by}",
        f"to    release 3 (v3)  {last}  2026-08-01 00:00Z  {by}",
        "",
        "~ model openai/gpt-4o",
        "    display_name  GPT-4o  ->  GPT 4o",
        "+ price openai/gpt-4o@2026-03-01",
        "    effective           2026-03-01",
        "    per_million.input   3",
        "    per_million.output  12",
        "    margin              1.5",
        "    in_force_from       2026-08-01",
        "- pack Growth",
        "    price     15",
        "    currency  USD",
        "    credits   175000",
        "    order     2",
        "    badge     Most Popular",
        "    active    true",
        "",
        "1 created, 1 updated, 1 deleted",
    ]
    escaped = "Price Desk \\<prices@example.com\\>: Change the prices"
    lines = release_diff_markdown(found).splitlines()
    assert lines[:8] == [
        "### Ratecard: 1 created, 1 updated, 1 deleted",
        "",
        f"From release 1 (v1), commit `{first}`, 2026-06-01 12:30Z, {escaped}  ",
        f"to release 3 (v3), commit `{last}`, 2026-08-01 00:00Z, {escaped}  ",
        "",
        "| | entity | field | before | after |",
        "|---|---|---|---|---|",
        "| update | `model openai/gpt-4o` | display\\_name | GPT-4o | GPT 4o |",
    ]
    assert "| delete | `pack Growth` | price | 15 |  |" in lines
