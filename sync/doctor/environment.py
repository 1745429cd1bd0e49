"""Which variables of the environment take part. Names only: a value may be a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from schema.catalogue import Catalogue
from sync.doctor.finding import Check, Reporter

_SAY = Reporter("environment")
_PREFIX = "RATECARD_"


def check_environment(environment: Mapping[str, str], catalogue: Catalogue | None) -> Iterator[Check]:
    """Ratecard's own variables, and those that the configuration names for secrets."""
    ours = sorted(name for name in environment if name.startswith(_PREFIX))
    yield _SAY.ok(f"set: {', '.join(ours)}" if ours else f"no {_PREFIX}… variable is set")
    for name, users in sorted(_named(catalogue).items()):
        by = f"named by {', '.join(users)}"
        if environment.get(name):
            yield _SAY.ok(f"{name} is set, {by}")
        else:
            yield _SAY.warn(f"{name} is not set here, {by}", f"export {name}=…")


def _named(catalogue: Catalogue | None) -> dict[str, list[str]]:
    """The variables that documents name in fields that end in `_env`, with the entities that do."""
    found: dict[str, list[str]] = {}
    if catalogue is not None:
        for kind in ("setting", "policy"):
            for entity in catalogue.of(kind).values():
                for name in _variables(entity.document):
                    found.setdefault(name, []).append(str(entity.key))
    return found


def _variables(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        for field in type(value).model_fields:
            part = getattr(value, field)
            if field.endswith("_env") and isinstance(part, str):
                yield part
            else:
                yield from _variables(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _variables(part)


__all__ = ["check_environment"]
