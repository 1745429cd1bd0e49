"""An explanation of a call as steps that a page draws: words, tables and where in git each number was written. Pure.

The steps and their words are those of `ratecard explain`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from dashboard.exports import Csv
from dashboard.formats import day, exact_money, moment, short_commit
from schema.keys import moment_text
from schema.money import usd_text
from sync.current import row_name
from sync.explain import Explanation
from sync.explain.json_form import MET
from sync.explain.origin import Origin, Unknown
from sync.explain.recorded import Posting
from sync.explain.working import Line, Working, exact_text
from sync.presenting import value_text
from sync.render.explain_text import (
    ADJUSTED,
    count_text,
    feature_text,
    margin_text,
    model_charge_text,
    rate_text,
    rounded_text,
    run_text,
    signed_text,
)

Rows = list[dict[str, str]]
_CALL = (
    ("user_id", "User"),
    ("plan", "Plan"),
    ("task", "Task"),
    ("feature", "Feature"),
    ("tool", "Tool"),
    ("tier", "Tier"),
    ("reasoning_level", "Reasoning"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the sum, or what it stands on."""

    title: str
    result: str = ""
    words: Sequence[str] = ()
    rows: Rows = field(default_factory=list)
    origin: Origin | Unknown | None = None


def facts(told: Explanation) -> dict[str, str]:
    """What was called, by whom and when."""
    event = told.recorded.event
    model = f"{event['provider']}/{event['model']}" if event["model"] else "no model"
    said = {name: str(event[column]) for column, name in _CALL if event[column] is not None}
    times = {"Occurred": f"{event['occurred_at']:%Y-%m-%d %H:%M:%S} UTC", "Recorded": moment(event["recorded_at"])}
    return {"Account": told.recorded.account, "Model": model, **said, **times}


def steps(told: Explanation) -> list[Step]:
    """From the price to what paid for it."""
    return list(_steps(told))


def explanation_csv(told: Explanation) -> Csv:
    """Every line of every step, with where it was written."""
    header = ("step", "result", "what", "file", "lines", "commit", "author")

    def rows() -> Iterator[tuple[str, ...]]:
        for step in steps(told):
            where = _where(step.origin)
            for words in step.words or ("",):
                yield (step.title, step.result, words, *where)
            for row in step.rows:
                said = ", ".join(f"{name} {value}" for name, value in row.items() if value)
                yield (step.title, "", said, *where)

    return Csv("explanation", header, rows)


def _where(origin: Origin | Unknown | None) -> tuple[str, str, str, str]:
    if not isinstance(origin, Origin):
        return "", "", "", ""
    written = origin.written
    author = written.author if written else ""
    return origin.file, lines_text(origin), written.commit if written else origin.release.commit, author


def lines_text(origin: Origin) -> str:
    """`12` or `12-20`."""
    return f"{origin.line}" if origin.line == origin.end_line else f"{origin.line}-{origin.end_line}"


def _steps(told: Explanation) -> Iterator[Step]:
    recorded, working = told.recorded, told.working
    if recorded.refusal is not None:
        words = [recorded.refusal]
        if not recorded.adjustments:
            words.append("Nothing was charged; re-rating bills it when a price in force at that moment is applied.")
        yield Step("Not priced", "$0", words)
    if recorded.price is not None and recorded.price_release is not None:
        release = recorded.price_release
        since = moment_text(recorded.price["in_force_from"])
        words = [f"{told.price_key}, in force from {since}"]
        words.append(f"Applied by release {release.id} on {moment(release.applied_at)}, by {release.applied_by}")
        yield Step("The price in force", "", words, origin=told.origin)
    if working is not None:
        yield _cost(told, working)
        yield from _charge(told, working)
    if told.run is not None:
        yield Step("Run units", "", [run_text(told.run)])
    for other in told.others:
        name = other.key if isinstance(other, Origin) else "something else"
        yield Step("It also took a number from", "", [name], origin=other)
    yield from _paid(told)
    if recorded.adjustments:
        cost, charge = told.final_nanos
        words = [f"After all changes it is charged {exact_money(charge)}, at a cost of {exact_money(cost)}."]
        yield Step("Changed since", exact_money(charge), words, _adjustments(told))


def _cost(told: Explanation, working: Working) -> Step:
    nanos = told.recorded.event["cost_nanos"]
    if working.cost_lines:
        words = [f"Together ${rounded_text(working.exact_cost, nanos)}"]
        return Step("What the provider takes", exact_money(nanos), words, _line_rows("cost", working, told.origin))
    nothing = "No unit was counted." if told.recorded.price else "Unknown: the model is not registered."
    words = ["No model was called." if working.way == "no model" else nothing]
    return Step("What the provider takes", exact_money(nanos), words)


def _charge(told: Explanation, working: Working) -> Iterator[Step]:
    event, feature = told.recorded.event, working.feature
    title, rows, words = "What the customer is charged", [], []
    match working.way:
        case "no model":
            words = [] if feature else ["Neither a model nor a feature that is charged."]
        case "free":
            words = [f"Calls of task {value_text(event['task'])} are not charged."]
        case "margin":
            words = [margin_text(told, working), *_part_words(told.origin, "margin")]
        case "list price":
            rows = _line_rows("charge", working, told.origin)
            words = [f"Together ${model_charge_text(told, working)}"]
        case "credits":
            rows = _line_rows("charge", working, told.origin, weights=True)
            words = list(_credit_words(told, working))
    charged = exact_money(event["charge_nanos"])
    if words or rows:
        yield Step(title, "" if feature else charged, words, rows)
    if feature is not None:
        words = [feature_text(feature), *_part_words(told.feature_origin, "amount")]
        if feature.feature.replaces and working.way != "no model":
            words.append("In place of what the model is charged.")
        words.append(f"Together ${rounded_text(working.exact_charge, event['charge_nanos'])}")
        yield Step("Its feature", charged, words, origin=told.feature_origin)


def _credit_words(told: Explanation, working: Working) -> Iterator[str]:
    tokens = exact_text(sum((line.amount for line in working.charge_lines), Fraction()))
    yield f"{tokens} weighted tokens x {exact_text(working.credits_multiplier or Fraction())}"
    yield f"/ {working.tokens_per_credit:,} a credit / {working.credits_per_dollar:,} credits a dollar"
    yield f"= ${model_charge_text(told, working)}"
    yield from _part_words(told.origin, "credits")


def _line_rows(of: str, working: Working, origin: Origin | Unknown | None, *, weights: bool = False) -> Rows:
    lines = working.cost_lines if of == "cost" else working.charge_lines
    return [
        {
            "Unit": line.unit,
            "Count": count_text(line),
            **_factor(line, weights),
            **_part_cells(origin, f"{of} {line.unit}"),
        }
        for line in lines
    ]


def _factor(line: Line, weights: bool) -> dict[str, str]:
    if weights:
        return {"Weight": exact_text(line.rate), "Weighted tokens": exact_text(line.amount)}
    return {"Rate": rate_text(line), "Amount": f"${exact_text(line.amount)}"}


def _part_cells(origin: Origin | Unknown | None, name: str) -> dict[str, str]:
    part = origin.parts.get(name) if isinstance(origin, Origin) else None
    if part is None or not isinstance(origin, Origin):
        return {"YAML line": "", "Commit": "", "Written by": ""}
    written = part.written
    who = f"{written.author.partition(' <')[0]}, {day(written.at)}" if written else ""
    commit = short_commit(written.commit) if written else ""
    return {"YAML line": f"{origin.file}:{part.line}", "Commit": commit, "Written by": who}


def _part_words(origin: Origin | Unknown | None, name: str) -> list[str]:
    cells = _part_cells(origin, name)
    if not cells["YAML line"]:
        return []
    written = f", commit {cells['Commit']} of {cells['Written by']}" if cells["Commit"] else ""
    return [f"{cells['YAML line']}{written}"]


def _paid(told: Explanation) -> Iterator[Step]:
    event, posting = told.recorded.event, told.recorded.posting
    if posting is None:
        return
    parts = [f"${usd_text(event[f'{name}_nanos'])} {name}" for name in MET if event[f"{name}_nanos"]]
    row = posting.row
    shared = "" if row["amount_nanos"] == -event["charge_nanos"] else ", together with other calls"
    words = [", ".join(parts)] if parts else []
    balance = signed_text(row["balance_nanos"])
    words.append(f"Posting {row['id']}: {signed_text(row['amount_nanos'])}{shared}; balance after it {balance}")
    yield Step("What paid for it", "", words, _burned(posting))


def _burned(posting: Posting) -> Rows:
    return [
        {
            "Grant": str(burned.grant["id"]),
            "Kind": str(burned.grant["kind"]),
            "Taken": f"${usd_text(burned.amount_nanos)}",
            "Worth": f"${usd_text(burned.grant['face_nanos'])}",
            "Paid": f"${usd_text(burned.grant['paid_nanos'])}" if burned.grant["paid_nanos"] else "",
            "Expires": moment(burned.grant["expires_at"]) if burned.grant["expires_at"] else "never",
        }
        for burned in posting.burned
    ]


def _adjustments(told: Explanation) -> Rows:
    return [
        {
            "When": moment(change.row["recorded_at"]),
            "What": ADJUSTED.get(change.row["reason"], "adjusted"),
            "Charge": signed_text(change.row["charge_nanos"], plus=True),
            "Cost": signed_text(change.row["cost_nanos"], plus=True),
            "Release": str(change.release.id),
            "Price": "" if change.price is None else row_name("price", dict(change.price)),
            "Posting": "" if change.posting is None else str(change.posting.row["id"]),
        }
        for change in told.recorded.adjustments
    ]


__all__ = ["Step", "explanation_csv", "facts", "lines_text", "steps"]
