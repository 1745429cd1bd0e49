"""An explanation as `explain --format json` prints it: amounts as decimal text in USD, and whole nano-USD."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schema.keys import moment_text
from schema.money import usd_text
from sync.current import Release
from sync.explain.explanation import Explanation
from sync.explain.origin import Origin, Part, Unknown
from sync.explain.recorded import Adjustment, Posting, Recorded
from sync.explain.run_count import RunCount
from sync.explain.working import FeatureLine, Line, Working, exact_text

FORMAT_VERSION = 1

MET = ("included", "promotional", "purchased", "owed", "overdraft")
"""How a charge may be met; they sum to it."""

_CALL = ("user_id", "plan", "task", "feature", "tool", "tier", "reasoning_level", "latency_ms")


def as_json(told: Explanation) -> dict[str, Any]:
    """The whole explanation."""
    recorded, working, origin = told.recorded, told.working, told.origin
    event = recorded.event
    cost, charge = told.final_nanos
    return {
        "format_version": FORMAT_VERSION,
        "event": _event(recorded),
        "release": _release(recorded.release),
        "price": None if recorded.price is None else _price(told, recorded),
        "cost": {
            "lines": [] if working is None else [_line(line, origin, "cost") for line in working.cost_lines],
            "exact_usd": None if working is None else exact_text(working.exact_cost),
            **_amount("cost", event["cost_nanos"]),
        },
        "charge": {
            **({} if working is None else _charge(working, origin)),
            "feature": None if working is None else _feature(working.feature, told.feature_origin),
            **_amount("charge", event["charge_nanos"]),
        },
        "run_units": None if told.run is None else _run(told.run),
        "adds_up": told.adds_up,
        "unpriced_because": recorded.refusal,
        "also_from": [_origin(other) for other in told.others],
        "met": {f"{name}_usd": usd_text(event[f"{name}_nanos"]) for name in (*MET, "revenue")},
        "posting": _posting(recorded.posting),
        "adjustments": [_adjustment(change) for change in recorded.adjustments],
        "final": {"cost_usd": usd_text(cost), "charge_usd": usd_text(charge)},
    }


def _event(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    return {
        "event_id": event["event_id"],
        "account": recorded.account,
        "occurred_at": moment_text(event["occurred_at"]),
        "recorded_at": moment_text(event["recorded_at"]),
        "status": event["status"],
        "provider": event["provider"] or None,
        "model": event["model"] or None,
        **{name.removesuffix("_id"): event[name] for name in _CALL},
        "units": dict(recorded.units),
    }


def _release(release: Release) -> dict[str, Any]:
    return {
        "id": release.id,
        "commit": release.commit,
        "label": release.label,
        "author": release.author,
        "applied_by": release.applied_by,
        "applied_at": moment_text(release.applied_at),
    }


def _price(told: Explanation, recorded: Recorded) -> dict[str, Any]:
    row = recorded.price or {}
    origin = told.origin
    return {
        "key": f"price {told.price_key}",
        "in_force_from": moment_text(row["in_force_from"]),
        "release": None if recorded.price_release is None else _release(recorded.price_release),
        "origin": None if origin is None else _origin(origin),
    }


def _origin(origin: Origin | Unknown) -> dict[str, Any]:
    if isinstance(origin, Unknown):
        return {"unknown": origin.reason}
    return {
        "key": origin.key,
        "file": origin.file,
        "line": origin.line,
        "end_line": origin.end_line,
        "commit": origin.release.commit,
        "agrees": origin.agrees,
        "written": None if origin.written is None else origin.written.as_json(),
    }


def _part(origin: Origin | Unknown | None, name: str) -> dict[str, Any]:
    part: Part | None = origin.parts.get(name) if isinstance(origin, Origin) else None
    if part is None or not isinstance(origin, Origin):
        return {"file": None, "line": None, "written": None}
    written = None if part.written is None else part.written.as_json()
    return {"file": origin.file, "line": part.line, "written": written}


def _line(line: Line, origin: Origin | Unknown | None, of: str, *, weights: bool = False) -> dict[str, Any]:
    return {
        "unit": line.unit,
        "count": exact_text(line.count),
        ("weight" if weights else "rate_usd"): exact_text(line.rate),
        "rate_of": line.rate_of,
        "tier_from": line.tier_from,
        "multiplier": exact_text(line.multiplier),
        ("weighted" if weights else "amount_usd"): exact_text(line.amount),
        **({} if weights else _part(origin, f"{of} {line.unit}")),
    }


def _charge(working: Working, origin: Origin | Unknown | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "way": working.way,
        "model_exact_usd": exact_text(working.exact_model_charge),
        "exact_usd": exact_text(working.exact_charge),
    }
    if working.way == "margin" and working.margin is not None:
        shown |= {"margin": exact_text(working.margin), "margin_plan": working.margin_plan, **_part(origin, "margin")}
    elif working.way == "list price":
        shown["lines"] = [_line(line, origin, "charge") for line in working.charge_lines]
    elif working.way == "credits" and working.credits_multiplier is not None:
        shown |= {
            "lines": [_line(line, origin, "charge", weights=True) for line in working.charge_lines],
            "multiplier": exact_text(working.credits_multiplier),
            "tokens_per_credit": working.tokens_per_credit,
            "credits_per_dollar": working.credits_per_dollar,
            **_part(origin, "credits"),
        }
    return shown


def _feature(line: FeatureLine | None, origin: Origin | Unknown | None) -> dict[str, Any] | None:
    if line is None:
        return None
    return {
        "name": line.feature.name,
        "mode": "replace" if line.feature.replaces else "add",
        "billable": line.feature.billable,
        "cost_type": line.feature.cost_type,
        "quantity": line.quantity,
        "amount_usd": exact_text(line.amount),
        "multiplier": exact_text(line.multiplier),
        "plan": line.plan,
        "exact_usd": exact_text(line.exact),
        "origin": None if origin is None else _origin(origin),
        "amount": _part(origin, "amount"),
    }


def _run(run: RunCount) -> dict[str, Any]:
    return {
        "measured_by": run.measured_by,
        "seconds": exact_text(run.seconds),
        "tier": run.tier,
        "multiplier": exact_text(run.multiplier),
        "tool": run.tool,
        "overhead": exact_text(run.overhead),
        "exact": exact_text(run.exact),
        "decimals": run.decimals,
        "minimum": exact_text(run.minimum),
        "counted": exact_text(run.counted),
    }


def _amount(name: str, nanos: int) -> dict[str, Any]:
    return {f"{name}_usd": usd_text(nanos), f"{name}_nanos": nanos}


def _posting(posting: Posting | None) -> dict[str, Any] | None:
    if posting is None:
        return None
    row = posting.row
    return {
        "id": row["id"],
        "kind": row["kind"],
        "amount_usd": usd_text(row["amount_nanos"]),
        "balance_usd": usd_text(row["balance_nanos"]),
        "recorded_at": moment_text(row["recorded_at"]),
        "burned": [
            {
                "grant": burned.grant["id"],
                "kind": burned.grant["kind"],
                "key": burned.grant["idempotency_key"],
                "face_usd": usd_text(burned.grant["face_nanos"]),
                "paid_usd": usd_text(burned.grant["paid_nanos"]),
                "expires_at": _moment(burned.grant["expires_at"]),
                "amount_usd": usd_text(burned.amount_nanos),
            }
            for burned in posting.burned
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment_text(moment)


def _adjustment(change: Adjustment) -> dict[str, Any]:
    row = change.row
    return {
        "recorded_at": moment_text(row["recorded_at"]),
        "reason": row["reason"],
        "release": change.release.id,
        "price": None if change.price is None else f"price {_price_name(change.price)}",
        "cost_usd": usd_text(row["cost_nanos"]),
        "charge_usd": usd_text(row["charge_nanos"]),
        "posting": None if change.posting is None else change.posting.row["id"],
    }


def _price_name(row: Any) -> str:
    return f"{row['provider']}/{row['model']}@{moment_text(row['effective'])}"


__all__ = ["FORMAT_VERSION", "MET", "as_json"]
