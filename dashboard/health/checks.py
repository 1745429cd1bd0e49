"""What the health page looks at. Each check is pure but for what it asks, and finds what `ratecard doctor` would say.

None shows a secret: of variables only the name is told, of addresses host and port.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, text

from dashboard.formats import moment
from dashboard.health.probes import ProbeError, http_get, redis_ping, shown_address
from metering.book.file import BookFile
from metering.book.ratebook import RateBook
from metering.errors import BookFileError
from metering.quotas.untold import untold_alerts
from schema.database import reading, shown_url
from sync.current import last_release
from sync.doctor.database import check_clock, check_database
from sync.doctor.drift import check_drift
from sync.doctor.finding import Check, Reporter
from sync.plan import Target
from sync.render.style import age_text, count
from sync.repository import Repository
from sync.target import load_target

API_VARIABLE = "RATECARD_API_URL"
"""Addresses of API servers, with commas between them."""
API_KEY_VARIABLE = "RATECARD_API_KEY"
"""A key of scope admin, with which their metrics are read."""
REDIS_VARIABLE = "REDIS_URL"
LITELLM_PATH = "/health/readiness"
SLOW_TO_TELL = timedelta(minutes=10)
"""Servers sweep each minute: an alert that waits longer is not being told."""
OLD_BOOK = timedelta(minutes=5)
_MOST_CONNECTIONS = 0.9
_GAUGE = re.compile(r"^(ratecard_\w+) (\S+)$", re.MULTILINE)

_DATABASE, _BOOK, _FILE = Reporter("database"), Reporter("rate book"), Reporter("book file")
_API, _ALERTS = Reporter("API"), Reporter("alerts")
_LITELLM, _STRIPE, _REDIS = Reporter("LiteLLM"), Reporter("Stripe"), Reporter("Redis")


def check_storage(engine: Engine, source: str, now: datetime) -> Iterator[Check]:
    """The database: reachable, its version and size, its clock, and how many connections it has left."""

    def look() -> Iterator[Check]:
        whole, near = shown_url(engine.url), near_url(engine.url, Path.cwd())
        checks = check_database(engine, source)
        found = [replace(check, message=check.message.replace(whole, near)) for check in checks]
        yield from found
        if any(check.level == "fail" for check in found):
            return
        with reading(engine) as connection:
            yield from check_clock(connection, now)
            if engine.dialect.name == "postgresql":
                yield _connections(connection)

    yield from _DATABASE.guarded(look, "ratecard doctor")


def near_url(url: URL, folder: Path) -> str:
    """A database's address for people, with a file below `folder` as seen from there and any other by its name."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return shown_url(url)
    path = Path(url.database)
    if path.is_absolute():
        path = path.relative_to(folder) if path.is_relative_to(folder) else Path("…", path.name)
    return f"sqlite:///{path}"


def _connections(connection: Connection) -> Check:
    used = connection.execute(text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
    most = connection.execute(text("SELECT current_setting('max_connections')::int"))
    return connections(int(used.scalar_one()), int(most.scalar_one()))


def connections(used: int, most: int) -> Check:
    """What a number of connections means."""
    if used >= most * _MOST_CONNECTIONS:
        return _DATABASE.warn(f"{used:,} of {most:,} connections are used", "raise max_connections, or pool them")
    return _DATABASE.ok(f"{used:,} of {most:,} connections are used")


def check_book(engine: Engine, now: datetime) -> Iterator[Check]:
    """The rate book as this dashboard reads it."""

    def look() -> Iterator[Check]:
        with reading(engine) as connection:
            book = RateBook.load(connection, now=now)
        release = book.release
        label = f" ({release.label})" if release.label else ""
        yield _BOOK.ok(f"release {release.id}{label}, applied {moment(release.applied_at)}; read just now")
        if book.edits:
            words = f"{count(book.edits, 'edit')} in the database past a release"
            yield _BOOK.warn(words, "ratecard drift --propose")

    yield from _BOOK.guarded(look, "ratecard apply")


def check_book_file(engine: Engine, path: str, newest: int | None, now: datetime) -> Iterator[Check]:
    """The last known book on disk, with which servers start while the database is away."""
    try:
        kept = BookFile(path, engine).read(now)
    except BookFileError as error:
        yield _FILE.warn(str(error), "start a server with RATECARD_BOOK_FILE")
        return
    release, age = kept.book.release, now - kept.confirmed_at
    words = f"{path} holds release {release.id}, known to be the newest {age_text(age)} ago"
    away = kept.book.policy.get("database_away") or {}
    longest = timedelta(minutes=int(away.get("max_age_minutes", 60)))
    if newest is not None and release.id < newest:
        yield _FILE.warn(f"{words}; the database is at release {newest}", "look whether a server runs with it")
    elif age > longest:
        yield _FILE.warn(f"{words}: too old to start from, by the policy", "look whether a server runs with it")
    else:
        yield _FILE.ok(words)


def check_api(url: str, key: str, newest: int | None) -> Iterator[Check]:
    """An API server: alive, ready, and (with a key) which release it serves and how old its book is."""
    place = shown_address(url)
    try:
        answer = http_get(url, "/ready", {})
    except ProbeError as error:
        yield _API.fail(f"{place}: {error}", "ratecard serve")
        return
    if answer.status != 200:
        yield _API.fail(f"{place} is not ready: it answered HTTP {answer.status}", "look at its log")
        return
    if '"database":"away"' in answer.body.replace(" ", ""):
        yield _API.warn(f"{place} serves without the database", "look at the database, from that server")
    else:
        yield _API.ok(f"{place} is ready and reaches the database")
    if key:
        yield from _runtime(url, place, key, newest)


def _runtime(url: str, place: str, key: str, newest: int | None) -> Iterator[Check]:
    try:
        answer = http_get(url, "/metrics", {"Authorization": f"Bearer {key}"})
    except ProbeError as error:
        yield _API.warn(f"its metrics: {error}", "look at its log")
        return
    if answer.status != 200:
        advice = "give the key the scope admin"
        yield _API.warn(f"its metrics: {API_KEY_VARIABLE} was answered HTTP {answer.status}", advice)
        return
    gauges = {name: float(value) for name, value in _GAUGE.findall(answer.body) if _is_number(value)}
    if not {"ratecard_release", "ratecard_book_age_seconds"} <= gauges.keys():
        yield _API.warn("its metrics do not tell of a rate book", f"look whether Ratecard answers at {place}")
        return
    release, age = int(gauges["ratecard_release"]), timedelta(seconds=gauges["ratecard_book_age_seconds"])
    words = f"it serves release {release}, known to be the newest {age_text(age)} ago"
    if newest is not None and release != newest:
        yield _API.warn(f"{words}; the database is at release {newest}", "wait a few seconds, then look at its log")
    elif age > OLD_BOOK:
        yield _API.warn(words, "look at the database, from that server")
    else:
        yield _API.ok(words)


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[0-9.]+(e[+-]?[0-9]+)?", value) is not None


def check_commit(
    repository: Repository, engine: Engine, folder: str, now: datetime, admins: tuple[str, ...], ref: str = "HEAD"
) -> Iterator[Check]:
    """How last release, git (HEAD, or what was fetched of a remote) and database differ."""

    def head() -> Target:
        hour = now.replace(minute=0, second=0, microsecond=0)
        return _target(repository.top, repository.sha(ref), folder, hour, admins)

    yield from check_drift(repository, engine, head, ref)


@lru_cache(maxsize=2)
def _target(top: Path, sha: str, folder: str, hour: datetime, admins: tuple[str, ...]) -> Target:
    """A commit's configuration, kept: it is looked at each half minute, and to load it takes a second."""
    return load_target(Repository.open(top), sha, folder, now=hour, environment_admins=admins)


def check_untold(
    engine: Engine, notifications: Mapping[str, Any] | None, environment: Mapping[str, str], now: datetime
) -> Iterator[Check]:
    """Alerts that nobody was told of, and the webhook that would be told."""

    def look() -> Iterator[Check]:
        with reading(engine) as connection:
            untold = untold_alerts(connection, now)
        waiting = f"{count(untold.waiting, 'alert')} waiting"
        if not notifications:
            yield _ALERTS.ok(f"{waiting}; the settings name no webhook, so that they are only listed")
            return
        variable = str(notifications["webhook_env"])
        if not environment.get(variable, "").strip():
            yield _ALERTS.warn(f"{variable}, which the settings name for alerts, is not set here", "set it")
        else:
            yield _ALERTS.ok(f"{variable} is set: it holds the webhook for alerts")
        if untold.oldest is not None and now - untold.oldest > SLOW_TO_TELL:
            failed = f", {untold.failed:,} of them tried in vain" if untold.failed else ""
            since = age_text(now - untold.oldest)
            yield _ALERTS.warn(f"{waiting} for up to {since}{failed}", "look at the webhook and at `ratecard serve`")
        else:
            yield _ALERTS.ok(waiting)
        if untold.given_up:
            words = f"{count(untold.given_up, 'alert')} of the last week given up"
            yield _ALERTS.warn(words, "ratecard alerts")

    yield from _ALERTS.guarded(look, "ratecard doctor")


def check_litellm(settings: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[Check]:
    """A LiteLLM proxy: whether it is ready, and whether its key is there."""
    url = str(settings["url"])
    try:
        answer = http_get(url, LITELLM_PATH, {})
    except ProbeError as error:
        yield _LITELLM.fail(f"{shown_address(url)}: {error}", "start the proxy, or mend settings.litellm")
    else:
        said = f"{shown_address(url)} answered HTTP {answer.status}"
        yield _LITELLM.ok(said) if answer.status == 200 else _LITELLM.fail(said, "look at the proxy's log")
    yield from _variables(_LITELLM, environment, [str(settings["master_key_env"])])


def check_stripe(settings: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[Check]:
    """Stripe's secrets: whether their variables are set. Nothing is asked of Stripe."""
    names = [settings.get("secret_env"), settings.get("webhook_secret_env")]
    yield from _variables(_STRIPE, environment, [str(name) for name in names if name])


def _variables(say: Reporter, environment: Mapping[str, str], names: Sequence[str]) -> Iterator[Check]:
    for name in names:
        if environment.get(name, "").strip():
            yield say.ok(f"{name} is set here")
        else:
            yield say.warn(f"{name}, which the settings name, is not set here", f"export {name}=…")


def check_redis(url: str) -> Iterator[Check]:
    """A Redis: whether it answers PING."""
    place = shown_address(url)
    try:
        answer = redis_ping(url)
    except ProbeError as error:
        yield _REDIS.fail(f"{place}: {error}", f"start it, or mend {REDIS_VARIABLE}")
        return
    if answer == "+PONG":
        yield _REDIS.ok(f"{place} answers PING")
    elif answer.startswith("-"):
        yield _REDIS.fail(f"{place} refuses: {answer[1:].split(' ')[0]}", f"mend the password in {REDIS_VARIABLE}")
    else:
        yield _REDIS.fail(f"{place} does not speak Redis", f"mend {REDIS_VARIABLE}")


def newest_release(engine: Engine) -> int | None:
    """The number of the newest release; None where there is none."""
    with reading(engine) as connection:
        release = last_release(connection)
    return None if release is None else release.id
