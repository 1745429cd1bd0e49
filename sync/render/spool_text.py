"""What became of calls that waited for the database: for programs, and for reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metering.spool import Drained, Refused, SpoolState
from schema.findings import printable
from sync.render.style import count

_SHOWN = 20


def drained_json(done: Drained, state: SpoolState, refused: Sequence[Refused]) -> dict[str, Any]:
    """The contract of `meter drain --format json`."""
    return {
        "recorded": done.recorded,
        "repeated": done.repeated,
        "refused": [_refused_json(one) for one in refused],
        "waiting": state.waiting,
        "elsewhere": dict(state.elsewhere),
        "faults": [*([done.fault] if done.fault else []), *state.faults],
    }


def _refused_json(refused: Refused) -> dict[str, str | None]:
    event = None if refused.call is None else refused.call.event
    return {
        "event": None if event is None else event.event_id,
        "account": None if event is None else event.account,
        "occurred_at": None if event is None else event.occurred_at.isoformat(),
        "code": refused.code,
        "message": refused.message,
    }


def drained_lines(done: Drained, state: SpoolState, refused: Sequence[Refused]) -> list[str]:
    """The same for reading."""
    lines = [f"{done.recorded:,} recorded, {done.repeated:,} already there, {len(refused):,} refused"]
    lines += [f"  {_refused_line(one)}" for one in refused[:_SHOWN]]
    if len(refused) > _SHOWN:
        lines.append(f"  and {len(refused) - _SHOWN:,} more")
    if refused:
        lines.append(f"  kept in {state.folder}; `ratecard meter drain --again` tries them once more")
    if state.waiting:
        lines.append(f"{count(state.waiting, 'call')} still to be recorded")
    lines += [f"{count(number, 'call')} for another database, {name}" for name, number in state.elsewhere.items()]
    return lines


def _refused_line(refused: Refused) -> str:
    if refused.call is None:
        return f"{refused.message} [{refused.code}]"
    event = refused.call.event
    return f"event {printable(event.event_id)}: {printable(refused.message)} [{refused.code}]"


__all__ = ["drained_json", "drained_lines"]
