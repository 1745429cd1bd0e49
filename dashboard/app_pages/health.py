"""Health: the database, what servers serve, drift, alerts and the services around, looked at again every 30 seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal

import pandas as pd
import streamlit as st
from sqlalchemy import Engine, select

from dashboard import sources
from dashboard.exports import Csv, csv_button
from dashboard.formats import count, literal
from dashboard.health.checks import (
    API_KEY_VARIABLE,
    API_VARIABLE,
    REDIS_VARIABLE,
    check_api,
    check_book,
    check_book_file,
    check_commit,
    check_litellm,
    check_redis,
    check_storage,
    check_stripe,
    check_untold,
    newest_release,
)
from dashboard.health.probes import shown_address
from dashboard.health.rounds import Look, Report, Rounds, worst
from dashboard.health.runtimes import CSV_HEADER, csv_rows, table_rows
from dashboard.layout import card, card_title, page_header
from dashboard.places import page_link_of
from dashboard.proposing.upstream import fetched_ref
from dashboard.session import require
from metering.meter import BOOK_FILE_VARIABLE
from metering.runtimes.listing import Listing
from metering.spool import SPOOL_VARIABLE
from schema.database import reading
from schema.tables import CONFIG_TABLES
from sync.context import DATABASE_VARIABLE, environment_admins
from sync.doctor.finding import Check, Level, Reporter
from sync.doctor.runtimes import check_runtimes, read_runtimes
from sync.doctor.spool import check_spool

REFRESH_SECONDS = 30
_SETTINGS = ("litellm", "stripe", "notifications")
Colour = Literal["green", "orange", "red"]
_LOOKS: dict[Level, tuple[Colour, str, str, str]] = {
    "ok": ("green", "check_circle", "ok", "are well"),
    "warn": ("orange", "warning", "needs a look", "need a look"),
    "fail": ("red", "error", "fails", "fail"),
}


@st.cache_resource(show_spinner=False)
def _rounds() -> Rounds:
    return Rounds()


class _Known:
    """What the database says beside the looks: the settings of services, the newest release, and who meters.

    All sessions share it, as they share the look that reads it; while the database is away it says what it said last.
    """

    def __init__(self) -> None:
        self.settings: Mapping[str, Any] = {}
        self.newest: int | None = None
        self.listing: Listing | None = None

    def read(self, engine: Engine) -> list[Check]:
        """Read both."""
        table = CONFIG_TABLES["setting"].table.c
        query = select(table.setting, table.value).where(table.retired_release.is_(None), table.setting.in_(_SETTINGS))
        with reading(engine) as connection:
            self.settings = {row.setting: row.value for row in connection.execute(query)}
        self.newest = newest_release(engine)
        return []

    def runtimes(self, engine: Engine, now: datetime) -> Iterator[Check]:
        """Read which meters run, and look at each."""
        self.listing = None

        def look() -> Iterator[Check]:
            self.listing = read_runtimes(engine, now)
            yield from check_runtimes(self.listing)

        yield from Reporter("runtimes").guarded(look, "ratecard doctor")


@st.cache_resource(show_spinner=False, max_entries=5)
def _known(address: str) -> _Known:
    return _Known()


def _looks(engine: Engine, known: _Known, now: datetime) -> dict[str, Look]:
    environment = os.environ
    source = f"by {DATABASE_VARIABLE}" if environment.get(DATABASE_VARIABLE) else "the embedded default"
    looks: dict[str, Look] = {
        "Database": partial(check_storage, engine, source, now),
        "Rate book": partial(check_book, engine, now),
        "Runtimes": partial(known.runtimes, engine, now),
    }
    repository = sources.repository()
    if repository is not None:
        admins, ref = tuple(environment_admins()), fetched_ref(repository)
        looks["Drift"] = partial(check_commit, repository, engine, sources.CONFIG_FOLDER, now, admins, ref)
    looks["Alerts"] = partial(check_untold, engine, known.settings.get("notifications"), environment, now)
    key = environment.get(API_KEY_VARIABLE, "").strip()
    for url in filter(None, (part.strip() for part in environment.get(API_VARIABLE, "").split(","))):
        looks[f"API at {shown_address(url)}"] = partial(check_api, url, key, known.newest)
    book_file = environment.get(BOOK_FILE_VARIABLE)
    if book_file:
        looks["Book file"] = partial(check_book_file, engine, book_file, known.newest, now)
    if environment.get(SPOOL_VARIABLE):
        looks["Spool"] = partial(check_spool, engine, environment, now)
    services: Sequence[tuple[str, str, Callable[..., Any]]] = (
        ("LiteLLM", "litellm", check_litellm),
        ("Stripe", "stripe", check_stripe),
    )
    for name, setting, check in services:
        if known.settings.get(setting):
            looks[name] = partial(check, known.settings[setting], environment)
    if environment.get(REDIS_VARIABLE):
        looks["Redis"] = partial(check_redis, environment[REDIS_VARIABLE])
    return looks


def _banner(reports: Sequence[Report], now: datetime) -> None:
    level = worst(report.level for report in reports)
    named = [report.name for report in reports if report.level == level]
    when = f"Looked at {now:%H:%M:%S} UTC."
    if level == "ok":
        st.success(f"**All {count(len(reports))} are well.** {when}", icon=":material/check_circle:")
        return
    words = f"**{literal(', '.join(named))}** {_LOOKS[level][2 if len(named) == 1 else 3]}. {when}"
    if level == "warn":
        st.warning(words, icon=":material/warning:")
    else:
        st.error(words, icon=":material/error:")


def milliseconds(seconds: float) -> str:
    """How long a look took."""
    return f"{seconds * 1_000:,.0f} ms" if seconds >= 0.001 else "under 1 ms"


def _card(report: Report) -> None:
    colour, icon, word, _ = _LOOKS[report.level]
    took = "no answer" if report.seconds is None else milliseconds(report.seconds)
    with card():
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(literal(report.name), anchor=False, width="stretch")
            st.caption(took, width="content")
            st.badge(word, icon=f":material/{icon}:", color=colour)
        for check in report.checks:
            colour, icon, *_ = _LOOKS[check.level]
            st.markdown(f":{colour}[:material/{icon}:] {literal(check.message)}")
            if check.advice is not None:
                st.caption(f"What to do: {literal(check.advice)}")


def _runtimes(listing: Listing) -> None:
    """Who meters, and from which release."""
    with card("runtimes"):
        note = "Each tells of itself every half minute. One that ends leaves the table, one that is killed stays a day."
        card_title("Runtimes one by one", note, Csv("runtimes", CSV_HEADER, partial(csv_rows, listing)))
        st.dataframe(
            pd.DataFrame.from_records(table_rows(listing)),
            hide_index=True,
            height="content",
            key="table_runtimes",
            alt="The meters that run, and which release each serves",
        )
        page_link_of("release", str(listing.newest.release_id))


def _csv(reports: Sequence[Report]) -> Csv:
    def rows() -> list[tuple[object, ...]]:
        return [
            (report.name, check.level, check.message, check.advice, took)
            for report in reports
            for took in [None if report.seconds is None else round(report.seconds * 1_000)]
            for check in report.checks
        ]

    return Csv("health", ("what", "level", "found", "advice", "milliseconds"), rows)


def _board() -> None:
    # Also what refreshes by itself looks whether the person may still see it.
    require("viewer")
    now = sources.utc_now()
    engine = sources.engine()
    known = _known(str(engine.url))
    with st.spinner("Looking …"):
        _rounds().make({"settings": partial(known.read, engine)})
        reports = _rounds().make(_looks(engine, known, now))
    _banner(reports, now)
    with st.container(horizontal=True, horizontal_alignment="right"):
        csv_button(_csv(reports))
        st.button("Look again", icon=":material/refresh:", type="tertiary", key="look_again")
    # Cards differ in height: each goes where there is room.
    columns, heights = st.columns(2, gap="small"), [0, 0]
    for report in reports:
        place = heights.index(min(heights))
        heights[place] += 2 + sum(1 if check.advice is None else 2 for check in report.checks)
        with columns[place]:
            _card(report)
    if known.listing is not None and known.listing.meters:
        _runtimes(known.listing)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    page_header("Health", "Whether everything answers, and serves the newest rate card", person)
    again = st.toggle(f"Look again every {REFRESH_SECONDS} seconds", value=True, key="refresh", bind="query-params")
    st.fragment(_board, run_every=REFRESH_SECONDS if again else None)()


page()
