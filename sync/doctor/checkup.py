"""The whole checkup: every topic is looked at, whatever another one finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from schema.database import database_state, reading
from schema.errors import RatecardError
from sync.checks import Validation, validate_files
from sync.doctor.clone import check_clone
from sync.doctor.configuration import check_configuration
from sync.doctor.database import check_alerts, check_clock, check_database
from sync.doctor.drift import check_drift
from sync.doctor.environment import check_environment
from sync.doctor.finding import Check, Reporter
from sync.doctor.ledger import check_ledger
from sync.doctor.runtimes import check_runtimes, read_runtimes
from sync.doctor.spool import check_spool
from sync.doctor.versions import check_versions
from sync.errors import RepositoryError
from sync.repository import Repository, work_tree_files
from sync.target import load_target

FORMAT_VERSION = 1

_CONFIGURATION, _GIT = Reporter("configuration"), Reporter("git")
_DATABASE, _CLOCK, _RUNTIMES = Reporter("database"), Reporter("clock"), Reporter("runtimes")
_ALERTS, _LEDGER = Reporter("alerts"), Reporter("ledger")


@dataclass(frozen=True, slots=True)
class Place:
    """Where doctor looks: the clone (or why there is none), the config folder, and the database.

    `source` says what named the database; `engine` is None when it could not be named, for the reason `no_engine`.
    """

    repository: Repository | None
    no_repository: str
    folder: str
    engine: Engine | None
    no_engine: str
    source: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """Everything that was found, topic by topic."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(check.level != "fail" for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The contract of `doctor --format json`."""
        return {
            "format_version": FORMAT_VERSION,
            "ok": self.ok,
            "checks": [check.as_json() for check in self.checks],
        }


def examine(
    place: Place,
    *,
    now: Callable[[], datetime],
    environment: Mapping[str, str],
    admins: Sequence[str],
    ledger: bool = False,
) -> Checkup:
    """Look at everything; with `ledger` also prove every balance, which reads all postings. Changes nothing."""
    validation, invalid = _validate(place, now(), admins)
    checks = [*(check_configuration(validation, place.folder) if validation else [invalid])]
    checks += _clone(place)
    checks += _database(place, now, admins, ledger)
    if place.engine is not None:
        checks += check_spool(place.engine, environment, now())
    checks += check_versions(_git_version(place.repository))
    checks += check_environment(environment, validation.catalogue if validation else None)
    return Checkup(tuple(check for check in checks if check is not None))


def _validate(place: Place, now: datetime, admins: Sequence[str]) -> tuple[Validation | None, Check | None]:
    try:
        return validate_files(work_tree_files(place.folder), place.folder, now, admins), None
    except RatecardError as error:
        # A host that only meters has neither git nor configuration.
        say = _CONFIGURATION.warn if place.repository is None else _CONFIGURATION.fail
        return None, say(str(error), "ratecard doctor --config DIR")


def _clone(place: Place) -> Iterator[Check]:
    repository = place.repository
    if repository is None:
        yield _GIT.warn(place.no_repository, "plan, apply and propose in a clone of the configuration")
        return
    yield from _GIT.guarded(lambda: check_clone(repository, place.folder), "git status")


def _database(place: Place, now: Callable[[], datetime], admins: Sequence[str], ledger: bool) -> Iterator[Check]:
    engine = place.engine
    if engine is None:
        yield _DATABASE.fail(place.no_engine, "ratecard doctor --database URL")
        return
    found = list(_DATABASE.guarded(lambda: check_database(engine, place.source), "ratecard doctor --database URL"))
    yield from found
    if any(check.level == "fail" for check in found) or database_state(engine) != "current":
        return
    yield from _CLOCK.guarded(lambda: _clock(engine, now), "ratecard doctor --database URL")
    yield from _RUNTIMES.guarded(lambda: check_runtimes(read_runtimes(engine, now())), "ratecard doctor --database URL")
    repository = place.repository
    if repository is not None:
        yield from check_drift(
            repository,
            engine,
            lambda: load_target(repository, "HEAD", place.folder, now=now(), environment_admins=admins),
        )
    yield from _ALERTS.guarded(lambda: _alerts(engine, now()), "ratecard usage")
    if ledger:
        yield from _LEDGER.guarded(lambda: _ledger(engine), "restore a backup")


def _clock(engine: Engine, now: Callable[[], datetime]) -> list[Check]:
    with reading(engine) as connection:
        return list(check_clock(connection, now()))


def _alerts(engine: Engine, now: datetime) -> list[Check]:
    with reading(engine) as connection:
        return list(check_alerts(connection, now))


def _ledger(engine: Engine) -> list[Check]:
    with reading(engine) as connection:
        return list(check_ledger(connection))


def _git_version(repository: Repository | None) -> str | None:
    if repository is None:
        return None
    try:
        return repository.run("version")
    except RepositoryError:
        return None


__all__ = ["Checkup", "Place", "examine"]
