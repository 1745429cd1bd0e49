from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from schema.keys import Key, parse_key
from sync.edit import (
    ABSENT,
    AddEntity,
    CopyEntry,
    Quoted,
    RemoveEntity,
    SetField,
    apply_edits,
    entity_text,
    entity_version,
    parse_set,
    reprice_notes,
)
from sync.edit.edits import Edit
from sync.edit.values import FlowMapping
from sync.errors import EditError
from tests.small_config import SMALL_CONFIG
from tests.sync.edit.test_changes import changed_lines

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

CONFIG: dict[str, str] = {
    **SMALL_CONFIG,
    "pricing/anthropic.yaml": """\
# yaml-language-server: $schema=../../schema/json/pricing.json
provider: anthropic
defaults:
  margin: 1.3
prices:
  claude-haiku-4-5:
    - effective: 2026-01-01
      per_million:                  # USD per 1,000,000 units
        input: 1.00
        output: 5.00
      margin: 3.0   # agreed in January
      source: {url: https://example.com/a#b, checked: 2026-01-05}
    - effective: 2026-12-01
      per_million: {input: 0.80, output: 4.00}
      accept: [CHEAPER_THAN_HALF]

  claude-sonnet-4-5:
    - effective: 2026-01-01
      per_million: {input: 3.00, output: 15.00}
      accept: [A_WARNING]
""",
    "access.yaml": "admins:\n  - Desk@example.com  # first\n  - other@example.com\nviewers: [v@example.com]\n",
    "run_units.yaml": "minimum: 0.01\ntiers:\n  heavy: 2.0\noverheads:\n  default: 0.1\n",
    "reasoning.yaml": "levels: {low: 1.0, high: 2.0}\n",
    "exchange_rates.yaml": "rates:\n  USD/ZAR:\n    - effective: 2026-01-01\n      rate: 18.50\n",
    "features.yaml": "features:\n  image_gen:\n    cost_type: per_image\n    amount: 0.04\n",
}


def encoded(config: Mapping[str, str] = CONFIG) -> dict[str, bytes]:
    return {path: text.encode() for path, text in config.items()}


def edit(*edits: Edit | str, effective: datetime | None = None) -> dict[str, str | None]:
    wanted = [parse_set(one) if isinstance(one, str) else one for one in edits]
    changed = apply_edits(encoded(), wanted, now=NOW, effective=effective)
    return {path: None if data is None else data.decode() for path, data in changed.items()}


def lines(*edits: Edit | str, effective: datetime | None = None) -> tuple[str, list[str], list[str]]:
    """The one file that changes, its removed lines and its added lines."""
    ((path, text),) = edit(*edits, effective=effective).items()
    assert text is not None
    removed, added = changed_lines(CONFIG.get(path, ""), text)
    return path, removed, added


SET = {
    "provider anthropic#display_name=Anthropic PBC": (
        "registry/anthropic.yaml",
        ["display_name: Anthropic\n"],
        ["display_name: Anthropic PBC\n"],
    ),
    "model anthropic/claude-haiku-4-5#display_name=Haiku: new": (
        "registry/anthropic.yaml",
        ["    display_name: Claude Haiku 4.5\n"],
        ['    display_name: "Haiku: new"\n'],
    ),
    "model anthropic/claude-haiku-4-5#aliases=[claude-haiku, haiku]": (
        "registry/anthropic.yaml",
        ["    aliases: [claude-haiku]\n"],
        ["    aliases: [claude-haiku, haiku]\n"],
    ),
    "model openai/gpt-4o#active=false": ("registry/openai.yaml", [], ["    active: false\n"]),
    "price anthropic/claude-haiku-4-5@2026-01-01#margin=2.8": (
        "pricing/anthropic.yaml",
        ["      margin: 3.0   # agreed in January\n"],
        ["      margin: 2.8   # agreed in January\n"],
    ),
    "price anthropic/claude-haiku-4-5@2026-01-01T00:00:00Z#per_million.cache_read=0.10": (
        "pricing/anthropic.yaml",
        [],
        ["        cache_read: 0.10\n"],
    ),
    "price anthropic/claude-haiku-4-5@2026-12-01#per_million.cache_read=0.10": (
        "pricing/anthropic.yaml",
        ["      per_million: {input: 0.80, output: 4.00}\n"],
        ["      per_million: {input: 0.80, output: 4.00, cache_read: 0.10}\n"],
    ),
    "price anthropic/claude-haiku-4-5@2026-12-01#margin.plans.pro=2.5": (
        "pricing/anthropic.yaml",
        [],
        ["      margin:\n", "        plans:\n", "          pro: 2.5\n"],
    ),
    "price anthropic/claude-haiku-4-5@2026-01-01#margin.plans.pro=2.5": (
        "pricing/anthropic.yaml",
        ["      margin: 3.0   # agreed in January\n"],
        [
            "      margin:   # agreed in January\n",
            "        default: 3.0\n",
            "        plans:\n",
            "          pro: 2.5\n",
        ],
    ),
    "route anthropic/extraction#model=claude-sonnet-4-5": (
        "routing/anthropic.yaml",
        ["  extraction: claude-haiku-4-5\n"],
        ["  extraction: claude-sonnet-4-5\n"],
    ),
    "route anthropic/extraction=openai/gpt-4o": (
        "routing/anthropic.yaml",
        ["  extraction: claude-haiku-4-5\n"],
        ["  extraction: openai/gpt-4o\n"],
    ),
    "route anthropic/extraction#fallbacks=[openai/gpt-4o]": (
        "routing/anthropic.yaml",
        ["  extraction: claude-haiku-4-5\n"],
        ["  extraction:\n", "    model: claude-haiku-4-5\n", "    fallbacks: [openai/gpt-4o]\n"],
    ),
    "route anthropic/chat_response#split.0.weight=80": (
        "routing/anthropic.yaml",
        ["        weight: 90\n"],
        ["        weight: 80\n"],
    ),
    "route anthropic/chat_response#model=claude-haiku-4-5": (
        "routing/anthropic.yaml",
        [
            "    split:\n",
            "      - model: claude-sonnet-4-5\n",
            "        weight: 90\n",
            "      - model: claude-haiku-4-5\n",
            "        weight: 10\n",
        ],
        ["    model: claude-haiku-4-5\n"],
    ),
    "plan pro#price.monthly=25": ("plans.yaml", ["      monthly: 20\n"], ["      monthly: 25\n"]),
    "plan pro#price=custom": (
        "plans.yaml",
        ["    price:\n", "      monthly: 20\n", "      annual: 200\n"],
        ["    price: custom\n"],
    ),
    'plan pro#limits."file_size_mb"=10': ("plans.yaml", [], ["      file_size_mb: 10\n"]),
    "pack Starter#credits=60000": ("credit_packs.yaml", ["    credits: 50000\n"], ["    credits: 60000\n"]),
    "feature image_gen#amount=0.05": ("features.yaml", ["    amount: 0.04\n"], ["    amount: 0.05\n"]),
    "task extraction#description=": (
        "tasks.yaml",
        ["    description: Takes fields out of documents\n"],
        ['    description: ""\n'],
    ),
    "setting signup_grant_credits#value=100": (
        "settings.yaml",
        ["signup_grant_credits: 1000\n"],
        ["signup_grant_credits: 100\n"],
    ),
    "setting site_name=Rates #1": ("settings.yaml", [], ['site_name: "Rates #1"\n']),
    "setting credit_burn#weights.output=2": (
        "settings.yaml",
        [],
        ["credit_burn:\n", "  weights:\n", "    output: 2\n"],
    ),
    "setting extra.region=eu": ("settings.yaml", [], ["extra:\n", "  region: eu\n"]),
    'setting extra.code="007"': ("settings.yaml", [], ["extra:\n", '  code: "007"\n']),
    "run_unit minimum=0.02": ("run_units.yaml", ["minimum: 0.01\n"], ["minimum: 0.02\n"]),
    "run_unit decimals=6": ("run_units.yaml", [], ["decimals: 6\n"]),
    "run_unit tier/heavy#value=3": ("run_units.yaml", ["  heavy: 2.0\n"], ["  heavy: 3\n"]),
    "run_unit tool/default=0.2": ("run_units.yaml", ["  default: 0.1\n"], ["  default: 0.2\n"]),
    "reasoning high=2.5": ("reasoning.yaml", ["levels: {low: 1.0, high: 2.0}\n"], ["levels: {low: 1.0, high: 2.5}\n"]),
    "rate USD/ZAR@2026-01-01#rate=19": ("exchange_rates.yaml", ["      rate: 18.50\n"], ["      rate: 19\n"]),
    "policy base_branch=develop": (
        "ratecard.yaml",
        [],
        ["# yaml-language-server: $schema=../schema/json/ratecard.json\n", "base_branch: develop\n"],
    ),
    "access other@example.com#role=viewer": (
        "access.yaml",
        ["  - other@example.com\n", "viewers: [v@example.com]\n"],
        ["viewers: [v@example.com, other@example.com]\n"],
    ),
    "access desk@example.com#role=analyst": (
        "access.yaml",
        ["  - Desk@example.com  # first\n"],
        ["analysts: [Desk@example.com]\n"],
    ),
}


@pytest.mark.parametrize("text", SET)
def test_setting_a_field_of_every_kind(text: str) -> None:
    assert lines(text) == SET[text]


REFUSED = {
    "model anthropic/claude-haiku-4#active=false": (
        "there is no model anthropic/claude-haiku-4; did you mean 'anthropic/claude-haiku-4-5'?"
    ),
    "price openai/gpt-4o@2027-01-01#margin=2": (
        "there is no price openai/gpt-4o@2027-01-01; did you mean 'openai/gpt-4o@2026-01-01'?"
    ),
    "price openai/gpt-4o@tomorrow#margin=2": (
        "'tomorrow' in 'price openai/gpt-4o@tomorrow' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"
    ),
    "price openai/gpt-5#margin=2": (
        "price openai/gpt-5 has no entry in force to start from; name one as price openai/gpt-5@YYYY-MM-DD, or add one"
    ),
    "plan pro#name.first=Pro": "config/plans.yaml:14:11: 'plans.pro.name' is not a mapping, so it cannot hold 'first'",
    "model gpt-4o#active=false": "'gpt-4o' is not PROVIDER/MODEL",
    "access nobody@example.com=admin": "there is no access nobody@example.com; did you mean 'v@example.com'?",
    "access v@example.com=owner": "'owner' is not a role; it is one of admin, analyst, viewer",
    "run_unit speed/x=1": "'run_unit speed/x' is no key; write run_unit tier/NAME, tool/NAME, minimum or decimals",
    "route anthropic/chat_response#split.5.weight=1": (
        "config/routing/anthropic.yaml: there is no item 5 in 'routes.chat_response.split'"
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_set_is_refused_with_the_reason(text: str) -> None:
    from schema.errors import RatecardError

    with pytest.raises(RatecardError) as refusal:
        edit(text)
    assert str(refusal.value) == REFUSED[text]


def test_a_price_without_a_date_gets_a_copy_of_the_entry_in_force_in_the_order_of_dates() -> None:
    path, removed, added = lines("price anthropic/claude-haiku-4-5#margin=2.8")
    assert (path, removed) == ("pricing/anthropic.yaml", [])
    assert added == [
        "    - effective: 2026-11-21\n",
        "      per_million:\n",
        "        input: 1.00\n",
        "        output: 5.00\n",
        "      margin: 2.8\n",
        "      source: {url: https://example.com/a#b, checked: 2026-01-05}\n",
    ]
    text = edit("price anthropic/claude-haiku-4-5#margin=2.8")[path]
    assert text is not None
    dates = [line.strip() for line in text.splitlines() if "effective" in line][:3]
    assert dates == ["- effective: 2026-01-01", "- effective: 2026-11-21", "- effective: 2026-12-01"]


def test_two_dates_of_one_price_begin_in_one_change_each_from_a_copy_of_the_entry_in_force() -> None:
    first = Key("price", "anthropic/claude-haiku-4-5@2026-12-10")
    second = Key("price", "anthropic/claude-haiku-4-5@2027-01-01")
    edits = [CopyEntry(first), SetField(first, "margin", "3.5"), CopyEntry(second), SetField(second, "margin", "4")]

    changed = apply_edits(encoded(), edits, now=NOW)
    after = encoded() | {path: data for path, data in changed.items() if data is not None}

    assert json.loads(entity_text(after, first)) == {
        "effective": "2026-12-10",
        "per_million": {"input": "1.00", "output": "5.00"},
        "margin": "3.5",
        "source": {"url": "https://example.com/a#b", "checked": "2026-01-05"},
    }
    assert json.loads(entity_text(after, second))["margin"] == "4"


def test_a_copy_of_an_entry_that_is_there_changes_nothing() -> None:
    there = CopyEntry(Key("price", "anthropic/claude-haiku-4-5@2026-12-01"))

    assert apply_edits(encoded(), [there], now=NOW) == {}


@pytest.mark.parametrize("key", [Key("price", "anthropic/claude-haiku-4-5"), Key("plan", "pro")])
def test_only_a_dated_entry_can_be_copied(key: Key) -> None:
    with pytest.raises(EditError, match="has no date"):
        apply_edits(encoded(), [CopyEntry(key)], now=NOW)


def test_a_copy_begins_when_it_is_told_to_and_leaves_accepted_warnings_behind() -> None:
    _, removed, added = lines(
        "price anthropic/claude-sonnet-4-5#margin=2",
        "price anthropic/claude-sonnet-4-5#per_million.input=2.50",
        effective=datetime(2027, 1, 1, 12, tzinfo=UTC),
    )
    assert removed == []
    assert added == [
        "    - effective: 2027-01-01T12:00:00Z\n",
        "      per_million: {input: 2.50, output: 15.00}\n",
        "      margin: 2\n",
    ]


def test_an_entry_that_begins_on_the_day_already_is_edited() -> None:
    _, removed, added = lines(
        "price anthropic/claude-haiku-4-5#margin=2.8", effective=datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert (removed, added) == ([], ["      margin: 2.8\n"])


def test_entries_kept_newest_first_stay_so() -> None:
    rates = "rates:\n  USD/ZAR:\n  - {effective: 2026-06-01, rate: 18}\n  - {effective: 2026-01-01, rate: 17}\n"
    changed = apply_edits({"exchange_rates.yaml": rates.encode()}, [parse_set("rate USD/ZAR#rate=19")], now=NOW)
    assert (
        changed["exchange_rates.yaml"]
        == rates.replace(
            "  - {effective: 2026-06", "  - {effective: 2026-11-21, rate: 19}\n  - {effective: 2026-06"
        ).encode()
    )


def test_a_small_entry_is_written_like_those_beside_it() -> None:
    _, removed, added = lines("rate USD/ZAR#rate=19")
    assert (removed, added) == ([], ["    - effective: 2026-11-21\n", "      rate: 19\n"])
    _, _, first = lines(AddEntity(parse_key("rate USD/EUR@2026-01-01"), {"rate": "0.9"}))
    assert first == ["  USD/EUR:\n", "    - effective: 2026-01-01\n", "      rate: 0.9\n"]
    _, _, side = lines(
        "route anthropic/chat_response#split=[{model: a, weight: 90}, {model: claude-haiku-4-5, weight: 10}]"
    )
    assert side == ["      - model: a\n"]


ADDED = {
    "model openai/gpt-5": (
        {"display_name": "GPT-5", "type": "llm", "aliases": ["five"], "context_window": "400000"},
        "registry/openai.yaml",
        [
            "  gpt-5:\n",
            "    display_name: GPT-5\n",
            "    type: llm\n",
            "    aliases: [five]\n",
            "    context_window: 400000\n",
        ],
    ),
    "price openai/gpt-4o@2027-01-01": (
        {"per_million.input": "2.00", "per_million.output": "8.00", "margin": "1.5"},
        "pricing/openai.yaml",
        [
            "    - effective: 2027-01-01\n",
            "      per_million:\n",
            "        input: 2.00\n",
            "        output: 8.00\n",
            "      margin: 1.5\n",
        ],
    ),
    "price openai/gpt-5": (
        {"per_million.input": "2.00"},
        "pricing/openai.yaml",
        ["  gpt-5:\n", "    - effective: 2026-11-21\n", "      per_million:\n", "        input: 2.00\n"],
    ),
    "route openai/extraction": ({"model": "gpt-4o"}, "routing/openai.yaml", ["  extraction: gpt-4o\n"]),
    "route openai/chat_response": (
        {"split": [{"model": "gpt-4o", "weight": "90"}, {"model": "gpt-5", "weight": "10"}], "fallbacks": ["a/b"]},
        "routing/openai.yaml",
        [
            "  chat_response:\n",
            "    split:\n",
            "      - {model: gpt-4o, weight: 90}\n",
            "      - {model: gpt-5, weight: 10}\n",
            "    fallbacks: [a/b]\n",
        ],
    ),
    "provider mistral": (
        {"display_name": "Mistral AI"},
        "registry/mistral.yaml",
        [
            "# yaml-language-server: $schema=../../schema/json/registry.json\n",
            "provider: mistral\n",
            "display_name: Mistral AI\n",
        ],
    ),
    "price mistral/large@2026-01-01": (
        {"per_unit.image": "0.04"},
        "pricing/mistral.yaml",
        [
            "# yaml-language-server: $schema=../../schema/json/pricing.json\n",
            "provider: mistral\n",
            "prices:\n",
            "  large:\n",
            "    - effective: 2026-01-01\n",
            "      per_unit:\n",
            "        image: 0.04\n",
        ],
    ),
    "access new@example.com": (
        {"role": "viewer"},
        "access.yaml",
        ["viewers: [v@example.com, new@example.com]\n"],
    ),
    "run_unit tier/light": ({"value": "0.5"}, "run_units.yaml", ["  light: 0.5\n"]),
    "plan team": (
        {"name": "Team", "price.monthly": "50", "limits.documents": "unlimited"},
        "plans.yaml",
        [
            "  team:\n",
            "    name: Team\n",
            "    price:\n",
            "      monthly: 50\n",
            "    limits:\n",
            "      documents: unlimited\n",
        ],
    ),
    "setting extra.flag": ({"value": Quoted("true")}, "settings.yaml", ["extra:\n", '  flag: "true"\n']),
}


@pytest.mark.parametrize("key", ADDED)
def test_adding_an_entity_of_every_shape(key: str) -> None:
    fields, path, added = ADDED[key]
    changed, _, new = lines(AddEntity(parse_key(key), fields))
    assert (changed, new) == (path, added)


def test_what_is_there_cannot_be_added() -> None:
    with pytest.raises(EditError, match=r"^model openai/gpt-4o is already there; set its fields instead$"):
        edit(AddEntity(parse_key("model openai/gpt-4o"), {"display_name": "x"}))


def test_blank_lines_between_entries_are_kept_up() -> None:
    _, removed, added = lines(AddEntity(parse_key("price anthropic/new@2026-01-01"), {"per_million.input": "1"}))
    assert removed == []
    assert added[:2] == ["\n", "  new:\n"]


REMOVED = {
    "model anthropic/claude-3-opus": (
        "registry/anthropic.yaml",
        [
            "  claude-3-opus:\n",
            "    display_name: Claude 3 Opus\n",
            "    type: llm\n",
            "    access: all\n",
            "    active: false\n",
        ],
        [],
    ),
    "price anthropic/claude-haiku-4-5@2026-12-01": (
        "pricing/anthropic.yaml",
        [
            "    - effective: 2026-12-01\n",
            "      per_million: {input: 0.80, output: 4.00}\n",
            "      accept: [CHEAPER_THAN_HALF]\n",
        ],
        [],
    ),
    "price anthropic/claude-sonnet-4-5@2026-01-01": (
        "pricing/anthropic.yaml",
        [
            "\n",
            "  claude-sonnet-4-5:\n",
            "    - effective: 2026-01-01\n",
            "      per_million: {input: 3.00, output: 15.00}\n",
            "      accept: [A_WARNING]\n",
        ],
        [],
    ),
    "access desk@example.com": ("access.yaml", ["  - Desk@example.com  # first\n"], []),
    "access v@example.com": ("access.yaml", ["viewers: [v@example.com]\n"], ["viewers: []\n"]),
    "reasoning low": ("reasoning.yaml", ["levels: {low: 1.0, high: 2.0}\n"], ["levels: {high: 2.0}\n"]),
    "feature image_gen": (
        "features.yaml",
        ["features:\n", "  image_gen:\n", "    cost_type: per_image\n", "    amount: 0.04\n"],
        ["features: {}\n"],
    ),
    "setting signup_grant_credits": ("settings.yaml", ["signup_grant_credits: 1000\n"], []),
}


@pytest.mark.parametrize("key", REMOVED)
def test_removing_an_entity_takes_its_lines(key: str) -> None:
    assert lines(RemoveEntity(parse_key(key))) == REMOVED[key]


def test_a_provider_goes_with_its_file_when_it_has_no_models() -> None:
    files = {"registry/x.yaml": b"provider: x\nmodels: {}\n"}
    assert apply_edits(files, [RemoveEntity(parse_key("provider x"))], now=NOW) == {"registry/x.yaml": None}
    with pytest.raises(EditError, match=r"^provider openai still has models in config/registry/openai\.yaml"):
        edit(RemoveEntity(parse_key("provider openai")))


def test_a_field_is_taken_out() -> None:
    assert lines(SetField(parse_key("pack Growth"), "badge", None)) == (
        "credit_packs.yaml",
        ["    badge: Most Popular\n"],
        [],
    )
    assert edit(SetField(parse_key("pack Starter"), "badge", None)) == {}


ANCHORED = {
    "plans:\n  pro: &pro\n    name: Pro\n": "config/plans.yaml:2:8: an anchor (&)",
    "plans:\n  free: &f\n    name: Free\n  pro: *f\n": "config/plans.yaml:2:9: an alias (*)",
    "plans:\n  pro:\n    name: &n Pro\n    description: *n\n": "config/plans.yaml:3:11: an anchor (&)",
}


@pytest.mark.parametrize("text", ANCHORED)
def test_anchors_and_aliases_on_the_way_are_refused(text: str) -> None:
    with pytest.raises(EditError) as refusal:
        apply_edits({"plans.yaml": text.encode()}, [parse_set("plan pro#name=New")], now=NOW)
    assert str(refusal.value) == (
        f"{ANCHORED[text]} stands on the way to this value, so a change would reach further than it says;"
        " write the value out by hand first"
    )


def test_a_file_with_tags_is_refused() -> None:
    with pytest.raises(EditError, match=r"^config/plans\.yaml:3:11: tags are not read: remove tag:yaml\.org,2002:str"):
        apply_edits({"plans.yaml": b"plans:\n  pro:\n    name: !!str Pro\n"}, [parse_set("plan pro#name=New")], now=NOW)


def test_anchors_elsewhere_in_the_file_do_not_matter() -> None:
    text = "plans:\n  free: &f {name: Free}\n  team: *f  # the same\n  pro:\n    name: Pro\n"
    changed = apply_edits({"plans.yaml": text.encode()}, [parse_set("plan pro#name=New")], now=NOW)
    assert changed == {"plans.yaml": text.replace("Pro", "New").encode()}
    added = apply_edits({"plans.yaml": text.encode()}, [AddEntity(parse_key("plan x"), {"name": "X"})], now=NOW)
    assert added == {"plans.yaml": (text + "  x:\n    name: X\n").encode()}


def test_a_file_with_a_fault_is_refused_with_its_place() -> None:
    with pytest.raises(EditError, match=r"^config/plans\.yaml:1:9: .*mend the file before editing it here$"):
        apply_edits({"plans.yaml": b"plans: {\n"}, [parse_set("plan pro#name=New")], now=NOW)


def test_a_byte_order_mark_and_carriage_returns_stay() -> None:
    text = b"\xef\xbb\xbfplans:\r\n  pro:\r\n    name: Pro  # n\r\n"
    changed = apply_edits({"plans.yaml": text}, [parse_set("plan pro#active=false")], now=NOW)
    assert changed == {"plans.yaml": text + b"    active: false\r\n"}


def test_versions_follow_the_value_and_not_the_spelling() -> None:
    files = encoded()
    respelled = dict(files, **{"plans.yaml": files["plans.yaml"].replace(b"name: Pro", b'name: "Pro"  # note')})
    changed = dict(files, **{"plans.yaml": files["plans.yaml"].replace(b"monthly: 20", b"monthly: 21")})
    pro, free = parse_key("plan pro"), parse_key("plan free")
    assert entity_version(files, pro) == entity_version(respelled, pro)
    assert entity_version(files, pro) != entity_version(changed, pro)
    assert entity_version(files, free) == entity_version(changed, free)
    assert entity_version(files, parse_key("plan none")) == ABSENT
    dated, undated = parse_key("price openai/gpt-4o@2026-01-01"), parse_key("price openai/gpt-4o")
    assert ABSENT not in (entity_version(files, dated), entity_version(files, undated))


def test_a_note_tells_when_apply_will_ask_for_reprice() -> None:
    files = encoded()
    assert reprice_notes(files, [parse_set("price openai/gpt-4o@2026-01-01#margin=2")], NOW) == [
        "price openai/gpt-4o@2026-01-01 is in effect already: apply will ask for --reprice"
    ]
    scheduled = [parse_set("price anthropic/claude-haiku-4-5@2026-12-01#margin=2"), parse_set("plan pro#name=x")]
    assert reprice_notes(files, scheduled, NOW) == []
    assert reprice_notes(files, [parse_set("price openai/gpt-4o#margin=2")], NOW) == []


def test_a_new_entry_goes_to_the_file_that_holds_the_others_of_its_model():
    files = {
        "pricing/a.yaml": b"provider: openai\nprices:\n  gpt-4o:\n    - effective: 2026-01-01\n",
        "pricing/b.yaml": b"provider: openai\nprices:\n  gpt-5:\n    - effective: 2026-01-01\n",
    }
    edit = AddEntity(Key("price", "openai/gpt-5@2026-02-01"), {"source": FlowMapping({"url": "u", "checked": "c"})})
    assert apply_edits(files, [edit], now=NOW) == {
        "pricing/b.yaml": files["pricing/b.yaml"] + b"    - effective: 2026-02-01\n      source: {url: u, checked: c}\n"
    }
