"""An explanation as text, for a person who disputes a bill: the call, the sum, who wrote its numbers, what paid it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction

from schema.keys import moment_text
from schema.money import usd_text
from schema.units import DECIMAL_UNITS, TOKEN_UNITS
from sync.current import row_name
from sync.explain.explanation import Explanation
from sync.explain.json_form import MET
from sync.explain.origin import Origin, Unknown, Written
from sync.explain.recorded import Posting
from sync.explain.run_count import RunCount
from sync.explain.working import FeatureLine, Line, Working, exact_text, per_million
from sync.presenting import value_text
from sync.render.style import Style, table

_PER_MILLION = frozenset((*TOKEN_UNITS, "character"))
_WIDTH = 9
ADJUSTED = {"rerate": "re-rated", "refund": "refunded", "correction": "corrected"}
_SHORT = 12


def explain_lines(told: Explanation, style: Style) -> Iterator[str]:
    """The whole explanation, a block a question."""
    yield from _call(told, style)
    if told.recorded.refusal is not None:
        yield _line("unpriced", value_text(told.recorded.refusal))
        if not told.recorded.adjustments:
            yield _line("", "nothing was charged; re-rating bills it when a price in force at that moment is applied")
    yield from _price(told)
    if told.working is not None:
        yield from _cost(told, told.working, style)
        yield from _charge(told, told.working, style)
        yield from _feature(told, told.working, style)
    if told.run is not None:
        yield from _run(told.run)
    for other in told.others:
        yield from _other(other)
    if not told.adds_up:
        wrong = "the steps do not come to what was recorded: the rows were edited by hand"
        yield _line("", style.paint("error", wrong))
    yield from _met(told)
    yield from _adjusted(told)


def _line(head: str, text: str) -> str:
    return f"{head:<{_WIDTH - 1}} {text}"


def _call(told: Explanation, style: Style) -> Iterator[str]:
    event, release = told.recorded.event, told.recorded.release
    name = style.paint("bold", value_text(event["event_id"]))
    yield _line("event", f"{name} of account {value_text(told.recorded.account)}")
    named = [("plan", "plan"), ("user_id", "user"), ("task", "task"), ("feature", "feature"), ("tool", "tool")]
    named += [("tier", "tier"), ("reasoning_level", "reasoning")]
    said = [f"{word} {value_text(event[column])}" for column, word in named if event[column] is not None]
    model = f"{value_text(event['provider'])}/{value_text(event['model'])}" if event["model"] else "no model"
    yield _line("call", ", ".join([f"{model} at {_time(event['occurred_at'])}", *said]))
    label = f" ({value_text(release.label)})" if release.label else ""
    under = f"release {release.id}{label}, commit {release.commit[:_SHORT]}"
    yield _line("recorded", f"{_time(event['recorded_at'])} under {under}")
    cost, charge = told.final_nanos
    yield _line("charged", f"{style.paint('bold', f'${usd_text(charge)}')}, at a cost of ${usd_text(cost)}")


def _price(told: Explanation) -> Iterator[str]:
    row, release, origin = told.recorded.price, told.recorded.price_release, told.origin
    if row is None or release is None:
        return
    yield ""
    yield _line("price", f"{value_text(told.price_key)}, in force from {moment_text(row['in_force_from'])}")
    yield _line(
        "", f"applied by release {release.id} of {_time(release.applied_at)}, by {value_text(release.applied_by)}"
    )
    if origin is not None:
        yield from _where(origin)


def _where(origin: Origin | Unknown) -> Iterator[str]:
    if isinstance(origin, Unknown):
        yield _line("", f"git cannot say where it was written: {value_text(origin.reason)}")
        return
    lines = f"{origin.line}" if origin.line == origin.end_line else f"{origin.line}-{origin.end_line}"
    yield _line("", f"{value_text(origin.file)}:{lines} at commit {origin.release.commit[:_SHORT]}")
    if origin.written is not None:
        yield _line("", f"last changed by {commit_text(origin.written)}")
    if not origin.agrees:
        yield _line("", "that commit says something else than the database: the row was edited in the database")


def commit_text(written: Written) -> str:
    """A commit with its author, day and title."""
    certain = "" if written.certain else " (or earlier: this clone is shallow)"
    who = f"{value_text(written.author)} on {written.at:%Y-%m-%d}"
    return f"{written.commit[:_SHORT]} of {who}: {value_text(written.title)}{certain}"


def _cost(told: Explanation, working: Working, style: Style) -> Iterator[str]:
    yield ""
    if not working.cost_lines:
        nothing = "nothing: no unit was counted" if told.recorded.price else "unknown: the model is not registered"
        yield _line("cost", "nothing: no model was called" if working.way == "no model" else nothing)
        return
    yield from _rows("cost", working.cost_lines, told.origin, style)
    yield _line("", f"together ${rounded_text(working.exact_cost, told.recorded.event['cost_nanos'])}")


def _rows(of: str, lines: tuple[Line, ...], origin: Origin | Unknown | None, style: Style) -> Iterator[str]:
    cells = [
        (
            line.unit,
            count_text(line),
            "x",
            rate_text(line),
            f"= ${exact_text(line.amount)}",
            _line_of(origin, f"{of} {line.unit}"),
        )
        for line in lines
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    for index, (unit, count, times, rate, amount, where) in enumerate(cells):
        row = f"{unit:<{widths[0]}}  {count:>{widths[1]}} {times} {rate:<{widths[3]}}  {amount:<{widths[4]}}"
        yield _line("" if index else of, f"{row}  {style.paint('dim', where)}".rstrip())


def count_text(line: Line) -> str:
    """How many of its unit were counted."""
    return exact_text(line.count) if line.unit in DECIMAL_UNITS else f"{int(line.count):,}"


def rate_text(line: Line) -> str:
    """The rate of a line, with whose it is, from which tier, and what multiplies it."""
    rate = f"${exact_text(per_million(line.rate))} per 1M" if line.unit in _PER_MILLION else f"${exact_text(line.rate)}"
    if line.rate_of != line.unit:
        rate += f" (as {line.rate_of})"
    if line.tier_from is not None:
        rate += f" above {line.tier_from:,}"
    return rate if line.multiplier == 1 else f"{rate} x {exact_text(line.multiplier)}"


def _line_of(origin: Origin | Unknown | None, name: str) -> str:
    part = origin.parts.get(name) if isinstance(origin, Origin) else None
    if part is None:
        return ""
    who = "" if part.written is None else f" {part.written.commit[:_SHORT]} {_name(part.written)}"
    return f"line {part.line}{value_text(who)}"


def _name(written: Written) -> str:
    return written.author.partition(" <")[0]


def rounded_text(exact: Fraction, nanos: int) -> str:
    """The exact sum, and what it was rounded to where that is not the same."""
    shown, rounded = exact_text(exact), usd_text(nanos)
    return shown if shown == rounded else f"{shown}, rounded to ${rounded}"


def model_charge_text(told: Explanation, working: Working) -> str:
    """What the model's price comes to; where a feature comes to it, only their sum is rounded."""
    if working.feature is not None:
        return exact_text(working.exact_model_charge)
    return rounded_text(working.exact_model_charge, told.recorded.event["charge_nanos"])


def _charge(told: Explanation, working: Working, style: Style) -> Iterator[str]:
    if working.way == "no model":
        if working.feature is None:
            yield ""
            yield _line("charge", "$0: neither a model nor a feature that is charged")
        return
    yield ""
    match working.way:
        case "free":
            yield _line("charge", f"$0: calls of task {value_text(told.recorded.event['task'])} are not charged")
        case "margin":
            yield _margin(told, working, style)
        case "list price":
            yield from _rows("charge", working.charge_lines, told.origin, style)
            yield _line("", f"together ${model_charge_text(told, working)}")
        case "credits":
            yield from _credits(told, working, style)


def _margin(told: Explanation, working: Working, style: Style) -> str:
    return _line(
        "charge", f"{margin_text(told, working)}  {style.paint('dim', _line_of(told.origin, 'margin'))}".rstrip()
    )


def margin_text(told: Explanation, working: Working) -> str:
    """The charge as cost times margin."""
    plan = f" for plan {value_text(working.margin_plan)}" if working.margin_plan else ""
    product = f"${exact_text(working.exact_cost)} x margin {exact_text(working.margin or Fraction())}{plan}"
    return f"{product} = ${model_charge_text(told, working)}"


def _credits(told: Explanation, working: Working, style: Style) -> Iterator[str]:
    rows = [
        (line.unit, f"{count_text(line)} x weight {exact_text(line.rate)}", f"= {exact_text(line.amount)} tokens")
        for line in working.charge_lines
    ]
    for index, text in enumerate(table(rows) if rows else ["nothing was counted"]):
        yield _line("" if index else "charge", text)
    tokens = exact_text(sum((line.amount for line in working.charge_lines), Fraction()))
    where = style.paint("dim", _line_of(told.origin, "credits"))
    yield _line("", f"{tokens} tokens x {exact_text(working.credits_multiplier or Fraction())}  {where}".rstrip())
    yield _line("", f"/ {working.tokens_per_credit:,} a credit / {working.credits_per_dollar:,} credits a dollar")
    yield _line("", f"= ${model_charge_text(told, working)}")


def _feature(told: Explanation, working: Working, style: Style) -> Iterator[str]:
    line = working.feature
    if line is None:
        return
    yield ""
    yield _line(
        "feature", f"{feature_text(line)}  {style.paint('dim', _line_of(told.feature_origin, 'amount'))}".rstrip()
    )
    if told.feature_origin is not None:
        yield from _where(told.feature_origin)
    if line.feature.replaces and working.way != "no model":
        yield _line("", "in place of what the model is charged")
    yield _line("", f"together ${rounded_text(working.exact_charge, told.recorded.event['charge_nanos'])}")


def feature_text(line: FeatureLine) -> str:
    """What a feature is charged, as a product."""
    feature = line.feature
    name = value_text(feature.name)
    if not feature.billable:
        return f"{name}: $0, as it is not charged"
    what = feature.cost_type.removeprefix("per_") + ("" if line.quantity == 1 else "s")
    product = f"{name}: {line.quantity:,} {what} x ${exact_text(line.amount)}"
    if line.multiplier != 1:
        product += f" x {exact_text(line.multiplier)}"
    return f"{product}{f' for plan {value_text(line.plan)}' if line.plan else ''} = ${exact_text(line.exact)}"


def _run(run: RunCount) -> Iterator[str]:
    yield ""
    yield _line("run", run_text(run))


def run_text(run: RunCount) -> str:
    """How run units were counted, in a line."""
    seconds = f"{exact_text(run.seconds)} s of {'latency' if run.measured_by == 'latency' else run.measured_by.upper()}"
    tier = f" x {exact_text(run.multiplier)} (tier {value_text(run.tier)})" if run.tier is not None else ""
    tool = f" + {exact_text(run.overhead)} (tool {value_text(run.tool)})" if run.tool is not None else ""
    exact, counted = exact_text(run.exact), exact_text(run.counted)
    limited = f", at least {exact_text(run.minimum)}" if run.counted == run.minimum else ""
    rounded = "" if exact == counted else f", rounded to {run.decimals} decimals{limited}: {counted}"
    return f"{seconds}{tier}{tool} = {exact} run units{rounded}"


def _other(other: Origin | Unknown) -> Iterator[str]:
    if isinstance(other, Origin):
        yield _line("", f"{value_text(other.key)}:")
    yield from _where(other)


def _met(told: Explanation) -> Iterator[str]:
    event, posting = told.recorded.event, told.recorded.posting
    if posting is None:
        return
    parts = [f"${usd_text(event[f'{name}_nanos'])} {name}" for name in MET if event[f"{name}_nanos"]]
    yield ""
    yield _line("met by", ", ".join(parts))
    yield from _posting(posting, event["charge_nanos"])


def _posting(posting: Posting, charge_nanos: int) -> Iterator[str]:
    row = posting.row
    shared = "" if row["amount_nanos"] == -charge_nanos else ", together with other calls"
    amount, balance = signed_text(row["amount_nanos"]), signed_text(row["balance_nanos"])
    yield _line("", f"posting {row['id']}: {amount}{shared}; balance after it {balance}")
    for burned in posting.burned:
        grant = burned.grant
        expiry = f", expires {moment_text(grant['expires_at'])}" if grant["expires_at"] else ""
        paid = f", paid ${usd_text(grant['paid_nanos'])}" if grant["paid_nanos"] else ""
        what = f"{grant['kind']}, ${usd_text(grant['face_nanos'])}{paid}{expiry}"
        yield _line("", f"burned ${usd_text(burned.amount_nanos)} of grant {grant['id']} ({what})")


def _adjusted(told: Explanation) -> Iterator[str]:
    changes = told.recorded.adjustments
    if changes:
        yield ""
    for index, change in enumerate(changes):
        row = change.row
        price = "" if change.price is None else f" by {value_text(row_name('price', dict(change.price)))}"
        posting = "" if change.posting is None else f", posting {change.posting.row['id']}"
        changed = (
            f"charge {signed_text(row['charge_nanos'], plus=True)}, cost {signed_text(row['cost_nanos'], plus=True)}"
        )
        under = f"{_time(row['recorded_at'])} under release {change.release.id}{price}"
        head = ADJUSTED.get(row["reason"], "adjusted")
        repeated = index > 0 and row["reason"] == changes[index - 1].row["reason"]
        yield _line("" if repeated else head, f"{under}: {changed}{posting}")


def signed_text(nanos: int, *, plus: bool = False) -> str:
    """USD with its sign in front."""
    sign = "-" if nanos < 0 else "+" if plus else ""
    return f"{sign}${usd_text(abs(nanos))}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


__all__ = [
    "ADJUSTED",
    "commit_text",
    "count_text",
    "explain_lines",
    "feature_text",
    "margin_text",
    "model_charge_text",
    "rate_text",
    "rounded_text",
    "run_text",
    "signed_text",
]
