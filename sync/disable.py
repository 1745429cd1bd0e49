"""Break glass: switch a model off in the database at once, and on again, past git but never past the audit log.

The row is closed and a new one opened, as an apply does, but no release is written: to the journal the change is an
edit of the database, so drift shows it, and plans refuse to overwrite it, until git says the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from metering.book.ratebook import EDITS_KEY
from schema.database import writing
from schema.errors import KeyFormatError
from schema.findings import did_you_mean
from schema.keys import Key
from schema.tables import CONFIG_TABLES, meta
from sync.current import last_release, released
from sync.dependents import leads_to
from sync.edit_reasons import DISABLE, ENABLE, Reason, write_reason
from sync.errors import RefusedError
from sync.locking import lock_config, notify_runtimes

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Use:
    """A route that names the model: as a target for `weight` percent of its calls, or (None) as a fallback."""

    key: str
    weight: int | None

    def as_json(self) -> dict[str, Any]:
        """The route as it stands in `disable --format json`."""
        return {"key": self.key, "weight": self.weight, "fallback": self.weight is None}


@dataclass(frozen=True, slots=True)
class Switched:
    """What became of the model. Nothing was written when `changed` is False: it was `active` or not already."""

    key: str
    active: bool
    changed: bool
    release: int
    reason: Reason
    routes: tuple[Use, ...]
    """The routes that name it, whose calls are refused while it is off."""

    def as_json(self) -> dict[str, Any]:
        """The result as it stands in `disable --format json`."""
        return {
            "format_version": FORMAT_VERSION,
            "key": self.key,
            "active": self.active,
            "changed": self.changed,
            "release": self.release,
            **(self.reason.as_json() if self.changed else {"by": None, "at": None, "reason": None}),
            "routes": [use.as_json() for use in self.routes],
        }


def switch_model(engine: Engine, name: str, *, active: bool, reason: Reason) -> Switched:
    """Make a model (in)active in the database, from `reason.at` on; runtimes see it within seconds.

    `name` is `provider/model` or an alias. Raises KeyFormatError when there is no such model; RefusedError before the
    first release, and when a model is to become active that the last release itself left inactive.
    """
    with writing(engine) as connection:
        lock_config(connection, f"switch of a model by {reason.by}")
        release = last_release(connection)
        if release is None:
            raise RefusedError("NO_RELEASE", "no release has been applied to this database; run `ratecard apply`")
        row = _find(connection, name)
        model = f"{row['provider']}/{row['model']}"
        key = str(Key("model", model))
        routes = _uses(connection, model)
        if row["active"] == active:
            return Switched(key, active, False, release.id, reason, routes)
        if active and not released(connection, {("model", model)}).get(("model", model), {}).get("active"):
            raise RefusedError(
                "INACTIVE_IN_GIT",
                f"{key} is inactive since a release, not by `disable`; propose and apply `active: true` instead"
                " [INACTIVE_IN_GIT]",
            )
        _replace(connection, row, active, release.id)
        write_reason(
            connection,
            ENABLE if active else DISABLE,
            key,
            reason,
            before={"active": row["active"]},
            after={"active": active, "release": release.id},
        )
        _count_edit(connection)
        notify_runtimes(connection, release.id)
    return Switched(key, active, True, release.id, reason, routes)


def _find(connection: Connection, name: str) -> Mapping[str, Any]:
    table = CONFIG_TABLES["model"].table
    rows = connection.execute(select(table).where(table.c.retired_release.is_(None))).mappings().all()
    known = {f"{row['provider']}/{row['model']}": row for row in rows}
    aliases = {alias: row for row in rows for alias in row["aliases"] or ()}
    found = known.get(name) or aliases.get(name)
    if found is None:
        raise KeyFormatError(f"there is no model '{name}'{_meant(name, known, aliases)}")
    return dict(found)


def _meant(name: str, known: Collection[str], aliases: Collection[str]) -> str:
    hint = did_you_mean(name, [*known, *aliases])
    if hint:
        return hint
    # People leave the provider out.
    bare = {model.partition("/")[2]: model for model in known}
    return f"; did you mean '{bare[name]}'?" if name in bare else ""


def _uses(connection: Connection, model: str) -> tuple[Use, ...]:
    table = CONFIG_TABLES["route"].table
    rows = connection.execute(
        select(table).where(table.c.retired_release.is_(None)).order_by(table.c.provider, table.c.task)
    ).mappings()
    found = []
    for row in rows:
        if leads_to(dict(row), model):
            weight = sum(target["weight"] for target in row["targets"] if target["model"] == model)
            found.append(Use(str(Key("route", f"{row['provider']}/{row['task']}")), weight or None))
    return tuple(found)


def _replace(connection: Connection, row: Mapping[str, Any], active: bool, release: int) -> None:
    table = CONFIG_TABLES["model"].table
    connection.execute(update(table).where(table.c.id == row["id"]).values(retired_release=release))
    kept = {name: value for name, value in row.items() if name not in ("id", "retired_release")}
    connection.execute(insert(table).values({**kept, "active": active, "introduced_release": release}))


def _count_edit(connection: Connection) -> None:
    """Count the edit, by which meters see that their rate book is no longer the newest."""
    row = connection.execute(select(meta.c.value).where(meta.c.key == EDITS_KEY)).scalar()
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    counted = dialect.insert(meta).values(key=EDITS_KEY, value=str(int(row or 0) + 1))
    connection.execute(
        counted.on_conflict_do_update(index_elements=[meta.c.key], set_={"value": counted.excluded.value})
    )


__all__ = ["FORMAT_VERSION", "Switched", "Use", "switch_model"]
