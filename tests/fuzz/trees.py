"""The valid trees that mutations begin with: the small one, parts of the shipped one, and one of odd but right YAML."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from tests.small_config import SMALL_CONFIG

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ADMINS = ("owner@example.com",)

Files = dict[str, bytes]

_SHIPPED = Path(__file__).parents[2] / "config"
_PROVIDERS = (("deepseek",), ("bfl", "pollinations"), ("voyageai",), ("cohere",))

_AWKWARD = {
    "registry/one.yaml": """\
%YAML 1.1
---
# Comments, quotes, anchors and flow style, all of which are right.
"provider": one
models:
  'quoted model':   {display_name: "Quoted \\u00e9", type: llm, access: &open basic, aliases: [q, "q-2"]}
""".replace("quoted model", "quoted/model"),
    "registry/more.yaml": """\
provider: one
models:
  plain@1:
    display_name: >-
      folded
      name
    type: image
    access: basic
  third: {display_name: Third, type: llm, active: false}
""",
    "pricing/one.yaml": """\
provider: one
defaults: {margin: {default: 1.5, plans: {team: 1.25}}}
prices:
  quoted/model:
  - effective: 2026-01-01
    per_million: &rates
      input: +2.50
      output: 1e1
      cache_read: .25
    above_input:
    - {from: 200_000, per_million: {input: 5., output: 15}}
    - from: 1000000
      per_unit: {input: 0.000010}
  - {effective: 2026-06-01T12:30:00+02:00, per_million: *rates, margin: 2}
  - effective: 2027-03-01 00:00
    per_million: {input: 2.500000, output: 10, cache_read: "0.25"}
    charge: {per_million: {input: 4, output: 16}, above_input: [{from: 200000, per_million: {input: 8}}]}
  plain@1:
    - {effective: 2026-02-03, per_unit: {image: 0.040000000001, video_second: 1}, per_million: {input: 0},
       credits: {multiplier: 0.5}, source: {url: https://example.com/prices, checked: 2026-01-05}}
    - {effective: 2027-02-03, per_unit: {image: 0.05, video_second: 1.25}, per_million: {input: 0}, margin: 1}
""",
    "routing/one.yaml": """\
provider: one
routes:
  _default: &target {model: quoted/model, fallbacks: [one/quoted/model]}
  chat: *target
  draw: {split: [{model: plain@1, weight: 33}, {model: one/plain@1, weight: 67}]}
""",
    "tasks.yml": "tasks:\n  chat: {}\n  draw:\n    description: |\n      Two\n      lines\n    billable: false\n",
    "plans/a.yaml": """\
plans:
  team: {name: Team, price: {monthly: 19.99, annual: 199.9}, access: basic, included_credit: 0.000000001,
         overage: grace, limits: {tokens_per_month: unlimited, requests_per_day: 1_000, documents: 0}}
""",
    "plans/b.yaml": "plans:\n  house:\n    name: House\n    price: custom\n    active: false\n    currency: EUR\n",
    "exchange_rates.yaml": """\
rates:
  EUR/USD: [{effective: 2026-01-01, rate: 1.08}, {effective: 2027-01-01, rate: 1.1}]
""",
    "features.yaml": "features:\n  search: {amount: 0.01, plans: {team: {multiplier: 0}, house: {amount: 0.005}}}\n",
    "run_units.yaml": "minimum: 0.01\ndecimals: 4\ntiers: {heavy: 1.5}\noverheads: {default: 0.1}\n",
    "reasoning.yaml": "levels: {none: 1, deep: 1.300000}\n",
    "settings.yaml": """\
default_plan: team
credits_per_dollar: 100
credit_burn: {weights: {input: 0.35, output: 1, image: 400, video_second: 1}, tokens_per_credit: 100}
extra: {a: no, b: 1_0, c: [1.50, {d: ~}], e: 0x10}
""",
    "access.yaml": "admins: [Owner@example.com]\nviewers:\n- a@example.com\n",
    "ratecard.yaml": """\
severity: {OUTPUT_CHEAPER_THAN_INPUT: error, CHEAPER_THAN_HALF: off}
guardrails: {lowest_margin: 1.1, max_delete_percent: 40}
approvals: [{code: BILL_RISE, by: Finance Lead, until: 2026-12-31, reason: Agreed}]
""",
}


@cache
def base_trees() -> tuple[Files, ...]:
    """The trees, by path inside the folder. They are shared: a mutation copies."""
    small = {path: text.encode() for path, text in SMALL_CONFIG.items()}
    singles = {path.name: path.read_bytes() for path in sorted(_SHIPPED.glob("*.yaml"))}
    mixed = singles | {path: data for path, data in small.items() if "/" in path}
    parts = []
    for providers in _PROVIDERS:
        paths = [f"{kind}/{name}.yaml" for name in providers for kind in ("registry", "pricing", "routing")]
        parts.append(singles | {path: (_SHIPPED / path).read_bytes() for path in paths if (_SHIPPED / path).exists()})
    awkward = {path: text.encode() for path, text in _AWKWARD.items()}
    return (small, small, awkward, awkward, mixed, *parts)
