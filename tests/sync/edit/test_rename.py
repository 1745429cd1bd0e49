from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from schema.keys import Key, parse_key
from sync.checks import validate_files
from sync.edit import RenameEntity, apply_edits, parse_rename, reprice_notes
from sync.errors import EditError, UsageError
from tests.small_config import SMALL_CONFIG
from tests.sync.edit.test_changes import changed_lines

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

CONFIG: dict[str, str] = {
    **SMALL_CONFIG,
    "pricing/anthropic.yaml": """\
provider: anthropic
defaults:
  margin: {default: 1.3, plans: {pro: 1.2}}   # for all
prices:
  # the small one
  claude-haiku-4-5:   # agreed
    - effective: 2026-01-01
      per_million: {input: 1.00, output: 5.00}
      margin:
        default: 3.0
        plans:
          pro: 2.5   # large customers
    - effective: 2026-12-01
      per_million: {input: 0.80, output: 4.00}

  claude-sonnet-4-5:
    - effective: 2026-01-01
      per_million: {input: 3.00, output: 15.00}
  claude-3-opus:
    - effective: "2026-01-01"
      per_million: {input: 15.00, output: 75.00}
""",
    "routing/openai.yaml": """\
provider: openai
routes:
  _default: gpt-4o
  extraction: {model: openai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}
""",
    "plans.yaml": SMALL_CONFIG["plans.yaml"].replace(
        "    overage: soft\n", "    overage: soft\n    features: [image_gen, api]\n"
    ),
    "features.yaml": """\
features:
  image_gen:
    cost_type: per_image
    amount: 0.04
    plans:
      pro: {multiplier: 1.3}
""",
    "access.yaml": "admins:\n  - 'Desk@example.com'  # first\n",
    "run_units.yaml": "minimum: 0.01\ntiers:\n  heavy: 2.0\noverheads:\n  default: 0.1\n",
    "reasoning.yaml": "levels: {low: 1.0, high: 2.0}\n",
    "exchange_rates.yaml": "rates:\n  USD/ZAR:\n    - effective: 2026-01-01\n      rate: 18.50\n",
    "ratecard.yaml": """\
approvals:
  - {code: PRICE_IN_EFFECT, key: price anthropic/claude-haiku-4-5@2026-01-01, by: Desk, until: 2026-12-31, reason: x}
  - code: BILL_RISE
    key: plan pro
    by: Desk
    until: 2026-12-31
    reason: The price of pro rises
""",
}
_SETTINGS = CONFIG["settings.yaml"]
CONFIG["settings.yaml"] = _SETTINGS + "extra:\n  region: eu\n"

APPROVED = "  - {code: PRICE_IN_EFFECT, key: price %s, by: Desk, until: 2026-12-31, reason: x}\n"

RENAMES: dict[str, dict[str, tuple[list[str], list[str]]]] = {
    "model anthropic/claude-haiku-4-5=anthropic/haiku-4-5": {
        "registry/anthropic.yaml": (["  claude-haiku-4-5:\n"], ["  haiku-4-5:\n"]),
        "pricing/anthropic.yaml": (["  claude-haiku-4-5:   # agreed\n"], ["  haiku-4-5:   # agreed\n"]),
        "routing/anthropic.yaml": (
            ["  extraction: claude-haiku-4-5\n", "      - model: claude-haiku-4-5\n"],
            ["  extraction: haiku-4-5\n", "      - model: haiku-4-5\n"],
        ),
        "routing/openai.yaml": (
            ['  extraction: {model: openai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}\n'],
            ['  extraction: {model: openai/gpt-4o, fallbacks: ["anthropic/haiku-4-5", gpt-4o]}\n'],
        ),
        "ratecard.yaml": (
            [APPROVED % "anthropic/claude-haiku-4-5@2026-01-01"],
            [APPROVED % "anthropic/haiku-4-5@2026-01-01"],
        ),
    },
    "model openai/gpt-4o=openai/gpt: 4o": {
        "registry/openai.yaml": (["  gpt-4o:\n"], ['  "gpt: 4o":\n']),
        "pricing/openai.yaml": (["  gpt-4o:\n"], ['  "gpt: 4o":\n']),
        "routing/anthropic.yaml": (
            ["    fallbacks: [openai/gpt-4o]\n"],
            ['    fallbacks: ["openai/gpt: 4o"]\n'],
        ),
        "routing/openai.yaml": (
            [
                "  _default: gpt-4o\n",
                '  extraction: {model: openai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}\n',
            ],
            [
                '  _default: "gpt: 4o"\n',
                '  extraction: {model: "openai/gpt: 4o", fallbacks: ["anthropic/claude-haiku-4-5", "gpt: 4o"]}\n',
            ],
        ),
    },
    "provider openai=oai": {
        "registry/openai.yaml": (["provider: openai\n"], ["provider: oai\n"]),
        "pricing/openai.yaml": (["provider: openai\n"], ["provider: oai\n"]),
        "routing/openai.yaml": (
            [
                "provider: openai\n",
                '  extraction: {model: openai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}\n',
            ],
            [
                "provider: oai\n",
                '  extraction: {model: oai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}\n',
            ],
        ),
        "routing/anthropic.yaml": (["    fallbacks: [openai/gpt-4o]\n"], ["    fallbacks: [oai/gpt-4o]\n"]),
    },
    "price anthropic/claude-haiku-4-5@2026-12-01=2027-02-01": {
        "pricing/anthropic.yaml": (["    - effective: 2026-12-01\n"], ["    - effective: 2027-02-01\n"]),
    },
    "price anthropic/claude-3-opus@2026-01-01=anthropic/claude-3-opus@2026-01-01T12:00:00Z": {
        "pricing/anthropic.yaml": (['    - effective: "2026-01-01"\n'], ['    - effective: "2026-01-01T12:00:00Z"\n']),
    },
    "price anthropic/claude-haiku-4-5@2026-01-01=@2026-02-01": {
        "pricing/anthropic.yaml": (["    - effective: 2026-01-01\n"], ["    - effective: 2026-02-01\n"]),
        "ratecard.yaml": (
            [APPROVED % "anthropic/claude-haiku-4-5@2026-01-01"],
            [APPROVED % "anthropic/claude-haiku-4-5@2026-02-01"],
        ),
    },
    "task extraction=parsing": {
        "tasks.yaml": (["  extraction:\n"], ["  parsing:\n"]),
        "routing/anthropic.yaml": (["  extraction: claude-haiku-4-5\n"], ["  parsing: claude-haiku-4-5\n"]),
        "routing/openai.yaml": (
            ['  extraction: {model: openai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}\n'],
            ['  parsing: {model: openai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}\n'],
        ),
    },
    "route openai/extraction=openai/chat_response": {
        "routing/openai.yaml": (
            ['  extraction: {model: openai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}\n'],
            ['  chat_response: {model: openai/gpt-4o, fallbacks: ["anthropic/claude-haiku-4-5", gpt-4o]}\n'],
        ),
    },
    "plan pro=professional": {
        "plans.yaml": (["  pro:\n"], ["  professional:\n"]),
        "pricing/anthropic.yaml": (
            ["  margin: {default: 1.3, plans: {pro: 1.2}}   # for all\n", "          pro: 2.5   # large customers\n"],
            [
                "  margin: {default: 1.3, plans: {professional: 1.2}}   # for all\n",
                "          professional: 2.5   # large customers\n",
            ],
        ),
        "features.yaml": (["      pro: {multiplier: 1.3}\n"], ["      professional: {multiplier: 1.3}\n"]),
        "ratecard.yaml": (["    key: plan pro\n"], ["    key: plan professional\n"]),
    },
    "plan free=starter": {
        "plans.yaml": (["  free:\n"], ["  starter:\n"]),
        "settings.yaml": (["default_plan: free\n"], ["default_plan: starter\n"]),
    },
    "pack Starter=Small": {"credit_packs.yaml": (["  Starter:\n"], ["  Small:\n"])},
    "feature image_gen=images": {
        "features.yaml": (["  image_gen:\n"], ["  images:\n"]),
        "plans.yaml": (["    features: [image_gen, api]\n"], ["    features: [images, api]\n"]),
    },
    "run_unit tier/heavy=tier/large": {"run_units.yaml": (["  heavy: 2.0\n"], ["  large: 2.0\n"])},
    "run_unit tool/default=tool/other": {"run_units.yaml": (["  default: 0.1\n"], ["  other: 0.1\n"])},
    "reasoning high=deep": {
        "reasoning.yaml": (["levels: {low: 1.0, high: 2.0}\n"], ["levels: {low: 1.0, deep: 2.0}\n"])
    },
    "rate USD/ZAR@2026-01-01=2026-02-01": {
        "exchange_rates.yaml": (["    - effective: 2026-01-01\n"], ["    - effective: 2026-02-01\n"])
    },
    "setting extra.region=extra.zone": {"settings.yaml": (["  region: eu\n"], ["  zone: eu\n"])},
    "access desk@example.com=rates@example.com": {
        "access.yaml": (["  - 'Desk@example.com'  # first\n"], ["  - 'rates@example.com'  # first\n"])
    },
}


def encoded(config: Mapping[str, str] = CONFIG) -> dict[str, bytes]:
    return {path: text.encode() for path, text in config.items()}


def rename(text: str, config: Mapping[str, str] = CONFIG) -> dict[str, tuple[list[str], list[str]]]:
    changed = apply_edits(encoded(config), [parse_rename(text)], now=NOW)
    return {
        path: changed_lines(config.get(path, ""), data.decode()) for path, data in changed.items() if data is not None
    }


@pytest.mark.parametrize("text", RENAMES)
def test_a_rename_touches_the_name_and_what_refers_to_it(text: str) -> None:
    assert rename(text) == RENAMES[text]


# A model's name has no spaces: that one is only about quotes.
@pytest.mark.parametrize("text", [text for text in RENAMES if ": 4o" not in text])
def test_the_tree_validates_after_a_rename(text: str) -> None:
    before = validate_files(encoded(), "config", NOW)
    assert before.errors == ()
    changed = apply_edits(encoded(), [parse_rename(text)], now=NOW)
    after = {**encoded(), **{path: data for path, data in changed.items() if data is not None}}
    assert validate_files(after, "config", NOW).errors == ()


def test_a_silent_default_plan_is_named_when_it_is_renamed() -> None:
    config = {**CONFIG, "settings.yaml": "signup_grant_credits: 1000\n"}
    assert rename("plan free=starter", config) == {
        "plans.yaml": (["  free:\n"], ["  starter:\n"]),
        "settings.yaml": ([], ["default_plan: starter\n"]),
    }


REFUSED = {
    "model anthropic/claude-haiku-4-5=openai/claude": (
        "model anthropic/claude-haiku-4-5 stays with its provider:"
        " write model anthropic/claude-haiku-4-5=anthropic/NAME"
    ),
    "model anthropic/claude-haiku-4-5=anthropic/claude-3-opus": (
        "model anthropic/claude-3-opus is already there (config/registry/anthropic.yaml:13:3)"
    ),
    "model anthropic/claude-nine=anthropic/x": (
        "there is no model anthropic/claude-nine; did you mean 'anthropic/claude-sonnet-4-5'?"
    ),
    "plan pro=pro": "plan pro has this name already",
    "provider openai=anthropic": "provider anthropic is already there (config/registry/anthropic.yaml:1:1)",
    "provider openai=a/b": "'a/b' is no name of a provider",
    "task extraction=chat_response": "task chat_response is already there (config/tasks.yaml:4:3)",
    "route anthropic/_default=anthropic/extraction": (
        "route anthropic/_default cannot be renamed to or from _default; set the one and remove the other"
    ),
    "price openai/gpt-4o=2026-02-01": (
        "'price openai/gpt-4o' has no date; write price openai/gpt-4o@YYYY-MM-DD to say which entry gets another date"
    ),
    "price openai/gpt-4o@2026-01-01=soon": (
        "price openai/gpt-4o@2026-01-01 stays with its model; only its date changes: write price"
        " openai/gpt-4o@2026-01-01=YYYY-MM-DD"
    ),
    "price openai/gpt-4o@2026-01-01=openai/gpt-4o@soon": (
        "'openai/gpt-4o@soon' is not a date for price openai/gpt-4o@2026-01-01;"
        " write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"
    ),
    "price anthropic/claude-haiku-4-5@2026-01-01=2026-12-01": (
        "price anthropic/claude-haiku-4-5@2026-12-01 is already there (config/pricing/anthropic.yaml:13:7)"
    ),
    "rate USD/ZAR@2026-01-01=USD/EUR@2026-01-01": (
        "rate USD/ZAR@2026-01-01 stays with its pair; only its date changes: write rate USD/ZAR@2026-01-01=YYYY-MM-DD"
    ),
    "setting default_plan=plan": (
        "setting default_plan cannot be renamed to plan: the names of settings are fixed; only those under `extra` are"
        " yours to choose"
    ),
    "policy approvals=leave": "policy approvals cannot be renamed to leave: the names of policies are fixed",
    "run_unit minimum=tier/x": (
        "run_unit minimum cannot be renamed to tier/x: only run_unit tier/NAME and tool/NAME have a name to change, and"
        " each stays in its table"
    ),
    "run_unit tier/heavy=tool/heavy": (
        "run_unit tier/heavy cannot be renamed to tool/heavy: only run_unit tier/NAME and tool/NAME have a name to"
        " change, and each stays in its table"
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_renamed_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(EditError) as refusal:
        rename(text)
    assert str(refusal.value) == REFUSED[text]


def test_a_name_that_would_mislead_a_route_is_refused() -> None:
    config = {
        **CONFIG,
        "registry/router.yaml": "provider: router\nmodels:\n  small: {display_name: Small, type: llm}\n",
        "routing/router.yaml": "provider: router\nroutes: {_default: openai/gpt-4o}\n",
    }
    with pytest.raises(EditError) as refusal:
        rename("model router/small=router/openai/gpt-4o", config)
    assert str(refusal.value) == (
        "config/routing/router.yaml:2:20: 'openai/gpt-4o' would come to mean router/openai/gpt-4o instead of"
        " openai/gpt-4o; choose another name"
    )


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            "pricing/openai.yaml",
            "provider: openai\nprices: &all\n  gpt-4o: []\n",
            "config/pricing/openai.yaml:2:9: an anchor (&) stands on the way",
        ),
        (
            "pricing/openai.yaml",
            "provider: openai\nprices:\n  &name gpt-4o: []\n",
            "config/pricing/openai.yaml:3:3: an anchor (&) stands on the way",
        ),
        (
            "routing/openai.yaml",
            "provider: openai\nroutes:\n  _default: &model gpt-4o\n  extraction: *model\n",
            "config/routing/openai.yaml:3:13: an anchor (&) stands on the way",
        ),
    ],
)
def test_anchors_on_the_way_are_refused(path: str, text: str, message: str) -> None:
    with pytest.raises(EditError) as refusal:
        rename("model openai/gpt-4o=openai/gpt-5", {**CONFIG, path: text})
    assert str(refusal.value).startswith(message)


def test_notes_tell_that_prices_in_effect_get_another_name() -> None:
    new_name = parse_rename("model anthropic/claude-haiku-4-5=anthropic/haiku-4-5")
    note = "price anthropic/claude-haiku-4-5@2026-01-01 is in effect already and gets another name"
    assert reprice_notes(encoded(), [new_name], NOW) == [f"{note}: apply will ask for --reprice"]
    assert reprice_notes(encoded(), [parse_rename("price openai/gpt-4o@2026-01-01=2026-02-01")], NOW) == [
        "price openai/gpt-4o@2026-01-01 is in effect already: apply will ask for --reprice"
    ]
    assert reprice_notes(encoded(), [parse_rename("plan pro=professional")], NOW) == []


def test_renames_are_read_from_the_command_line() -> None:
    assert parse_rename("plan pro = professional") == RenameEntity(Key("plan", "pro"), "professional")
    assert parse_rename("model a/b=c/d=e") == RenameEntity(parse_key("model a/b"), "c/d=e")
    for text in ("plan pro", "plan pro="):
        with pytest.raises(UsageError, match=rf"^'{text}' renames nothing; write KEY=NEW$"):
            parse_rename(text)
