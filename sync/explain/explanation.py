"""An explanation: what was recorded, the sum done again, and where in git its numbers were written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from metering.rating.features import Feature
from metering.rating.price import Price, Tiers
from metering.rating.run_units import RunUnits, ToolCall
from schema.keys import Key
from schema.places import Path
from sync.current import Release, row_name
from sync.explain.origin import TOP, Archive, Origin, Unknown, Wanted
from sync.explain.recorded import Recorded, Values, read_recorded
from sync.explain.run_count import RunCount, count_run
from sync.explain.working import Line, Working, work_out


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one call was charged what it was."""

    recorded: Recorded
    price_key: str | None
    working: Working | None
    """None for a call that no price covered."""
    origin: Origin | Unknown | None
    """Where the price was written; None when none was taken."""
    feature_origin: Origin | Unknown | None
    """Where the feature was written that the call is charged for."""
    run: RunCount | None
    """How its run units were counted; None when the caller counted them."""
    others: tuple[Origin | Unknown, ...]
    """Where else numbers came from: the reasoning level, the task that is not charged, the settings of credit burn,
    how run units are counted."""

    @property
    def adds_up(self) -> bool:
        """Whether the sum done again comes to the amounts that were recorded, to the nano-USD."""
        event = self.recorded.event
        told = (event["cost_nanos"], event["charge_nanos"])
        return told == ((0, 0) if self.working is None else (self.working.cost_nanos, self.working.charge_nanos))

    @property
    def final_nanos(self) -> tuple[int, int]:
        """Cost and charge after all re-rating."""
        event, changes = self.recorded.event, [change.row for change in self.recorded.adjustments]
        cost = event["cost_nanos"] + sum(change["cost_nanos"] for change in changes)
        return cost, event["charge_nanos"] + sum(change["charge_nanos"] for change in changes)


def explain(connection: Connection, archive: Archive, event_id: str, account: str | None = None) -> Explanation:
    """Explain a recorded call. Only reads.

    Raises RefusedError for an event that is not known, or that several accounts know when none is named.
    """
    recorded = read_recorded(connection, event_id, account)
    row = recorded.price
    working, origin, feature_origin = None, None, None
    if recorded.refusal is None:
        burn = recorded.settings.credit_burn
        price = None if row is None else Price.compile(row, burn)
        working = work_out(
            price,
            burn,
            recorded.units,
            plan=recorded.event["plan"],
            output_multiplier_micros=recorded.output_multiplier_micros,
            billable=recorded.billable,
            credits_micros=recorded.settings.unknown_model_micros,
            feature=None if recorded.feature is None else Feature.from_row(recorded.feature),
            called=bool(recorded.event["model"]),
        )
        if row is not None and price is not None:
            wanted = _wanted(working, price, recorded.event["plan"])
            origin = archive.find(Key("price", price.key), dict(row), _releases(recorded), wanted)
        if working.feature is not None and recorded.feature is not None:
            key, of_plan = Key("feature", recorded.event["feature"]), ("plans", recorded.event["plan"])
            lines = {name: [(*of_plan, name), (name,)] for name in ("amount", "multiplier", "billable")}
            feature_origin = archive.find(key, dict(recorded.feature), [recorded.release, recorded.newest], lines)
    run = _run(recorded)
    return Explanation(
        recorded=recorded,
        price_key=None if row is None else row_name("price", dict(row)),
        working=working,
        origin=origin,
        feature_origin=feature_origin,
        run=run,
        others=tuple(_others(archive, recorded, working, run)),
    )


def _run(recorded: Recorded) -> RunCount | None:
    event = recorded.event
    if event["tool"] is None:
        return None
    call = ToolCall(
        event["tool"], event["tier"], event["cpu_seconds_micros"], event["gpu_seconds_micros"], event["latency_ms"]
    )
    return count_run(RunUnits.from_rows(recorded.run_units.values()), call, recorded.units.get("run_unit", 0))


def _releases(recorded: Recorded) -> list[Release]:
    """Where to look for the price: the release that brought it, that of the call, the newest one."""
    first = [recorded.price_release] if recorded.price_release else []
    return [*first, recorded.release, recorded.newest]


def _wanted(working: Working, price: Price, plan: str) -> Wanted:
    """The lines that the steps take their numbers from."""
    wanted: dict[str, Sequence[Path]] = {"effective": [("effective",)]}
    for line in working.cost_lines:
        wanted[f"cost {line.unit}"] = _rate_paths((), line, price.tiers)
    if working.way == "list price":
        for line in working.charge_lines:
            wanted[f"charge {line.unit}"] = _rate_paths(("charge",), line, price.charge_tiers)
    elif working.way == "margin":
        own: list[Path] = [("margin", "plans", plan), ("margin", "default"), ("margin",)]
        wanted["margin"] = [*own, *((TOP, "defaults", *path) for path in own)]
    elif working.way == "credits":
        wanted["credits"] = [("credits", "multiplier")]
    return wanted


def _rate_paths(prefix: Path, line: Line, tiers: Tiers) -> list[Path]:
    # Documents list their tiers in rising order, as the price does.
    starts = [start for start, _ in tiers]
    tier: Path = () if line.tier_from is None else ("above_input", starts.index(line.tier_from))
    return [(*prefix, *tier, per, line.rate_of) for per in ("per_million", "per_unit")]


def _others(
    archive: Archive, recorded: Recorded, working: Working | None, run: RunCount | None
) -> Iterable[Origin | Unknown]:
    wanted: list[tuple[Key, Values]] = []
    if run is not None:
        rows = recorded.run_units
        wanted += [(Key("run_unit", name), rows[name]) for name in run.names if name in rows]
    if working is not None:
        wanted += _entered(recorded, working)
    for key, row in wanted:
        yield archive.find(key, dict(row), [recorded.release, recorded.newest], {})


def _entered(recorded: Recorded, working: Working) -> Iterable[tuple[Key, Values]]:
    """What entered the sum beside the price and the feature."""
    wanted: list[tuple[Key, Values]] = []
    if recorded.reasoning is not None and recorded.units.get("output"):
        wanted.append((Key("reasoning", recorded.event["reasoning_level"]), recorded.reasoning))
    if working.way == "free" and recorded.task is not None:
        wanted.append((Key("task", recorded.event["task"]), recorded.task))
    if working.way == "credits":
        names = ("credit_burn", "credits_per_dollar", *(() if recorded.price else ("unknown_model",)))
        wanted += [
            (Key("setting", name), recorded.setting_rows[name]) for name in names if name in recorded.setting_rows
        ]
    return wanted


__all__ = ["Explanation", "explain"]
