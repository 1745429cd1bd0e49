"""Releases: what each one changed, who wrote and applied it; two of them compared, a way back, and calls explained."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.formats import MISSING, literal, moment, short_commit, typed
from dashboard.layout import card, card_title, page_header
from dashboard.places import page_link_of
from dashboard.releases import data as release_data
from dashboard.releases.drawing import COMPARE, EXPLAIN, LIST, VIEWS, draw_explanation, draw_latest_calls
from dashboard.releases.rollback import rollback_note, rollback_panel
from dashboard.releases.table import (
    counts_text,
    difference_csv,
    difference_rows,
    release_name,
    release_rows,
    releases_csv,
)
from dashboard.session import require, require_data
from sync.current import Release
from sync.errors import RefusedError
from sync.release_diff import ReleaseDiff
from sync.render.style import count as numbered
from sync.rollback import find_release

_COMMIT_DIGITS = 7
OFFERED = 300
"""How many releases can be chosen from a list; older ones are typed."""


def _open(shown: Sequence[Release], key: str) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows:
        st.query_params["release"] = str(shown[rows[0]].id)
    else:
        st.query_params.pop("release", None)


def _list(releases: Sequence[Release]) -> None:
    with card("release_table"):
        card_title("What was applied", f"{numbered(len(releases), 'release')}, newest first", releases_csv(releases))
        place = st.container()
        pages = -(-len(releases) // release_data.PAGE_ROWS)
        page = st.pagination(pages, key="release_page") if pages > 1 else 1
        shown = releases[(page - 1) * release_data.PAGE_ROWS : page * release_data.PAGE_ROWS]
        key = f"table_releases_{page}"
        place.dataframe(
            pd.DataFrame.from_records(release_rows(shown)),
            hide_index=True,
            height="content",
            column_config={
                "Release": st.column_config.NumberColumn(width=70, format="%d"),
                "Label": st.column_config.TextColumn(width=90),
                "Title": st.column_config.TextColumn(width=220),
                "Author": st.column_config.TextColumn(width=120),
                "Applied by": st.column_config.TextColumn(width=120),
                "Commit": st.column_config.TextColumn(width=80),
            },
            placeholder=MISSING,
            on_select=lambda: _open(shown, key),
            selection_mode="single-row",
            key=key,
            alt="Releases",
        )


def _differences(diff: ReleaseDiff, key: str) -> None:
    """The fields that differ; a chosen one leads to the page of its entity."""
    rows = difference_rows(diff.differences)
    if not rows:
        st.caption("They say the same.")
        return
    entities = [difference for difference in diff.differences for _ in difference.fields or [("", "", "")]]
    event = st.dataframe(
        pd.DataFrame.from_records(rows),
        hide_index=True,
        height="content" if len(rows) <= 12 else 460,
        column_config={
            "Change": st.column_config.TextColumn(width=90),
            "What": st.column_config.TextColumn(width="medium"),
        },
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        alt="What differs, field by field",
    )
    for row in event["selection"]["rows"]:
        if row < len(entities):
            page_link_of(entities[row].kind, entities[row].name)


def _detail(release: Release, releases: Sequence[Release], database: str, person: CurrentPerson) -> None:
    newest = releases[0]
    place = releases.index(release)
    before = str(releases[place + 1].id) if place + 1 < len(releases) else "0"
    diff = release_data.difference(sources.engine(), database, newest.id, before, str(release.id))
    with card("release_detail"):
        note = f"{counts_text(diff.summary)}, applied {moment(release.applied_at)}"
        card_title(
            literal(f"{release_name(release).capitalize()}: {release.title}"),
            note,
            difference_csv(f"release-{release.id}", diff),
        )
        with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
            st.caption(f":material/edit: written by {literal(release.author)}", width="content")
            st.caption(f":material/person: applied by {literal(release.applied_by)}", width="content")
            st.caption(f":material/commit: {short_commit(release.commit)}", width="content")
            page = release_data.forge_page()
            if page is not None:
                label = f"The commit on {literal(page.host)}"
                st.link_button(label, page.commit(release.commit), type="tertiary", icon=":material/open_in_new:")
        _differences(diff, f"table_changes_{release.id}")
        with st.container(horizontal=True):
            rollback_panel(release, newest, database, person)
            st.button(
                "Compare with the newest",
                icon=":material/compare_arrows:",
                disabled=release.id == newest.id,
                on_click=_compare,
                args=(str(release.id), str(newest.id)),
            )
            st.button("Close", type="tertiary", on_click=_close)


def _named(releases: Sequence[Release], name: str) -> Release:
    """The release that an address names: by its number, its label, or the begin of its commit, as charts call it."""
    committed = [release for release in releases if len(name) >= _COMMIT_DIGITS and release.commit.startswith(name)]
    return committed[0] if committed else find_release(releases, name)


def _close() -> None:
    st.query_params.pop("release", None)


def _compare(before: str, after: str) -> None:
    st.session_state["view"] = COMPARE
    st.session_state["compare_before"], st.session_state["compare_after"] = before, after
    st.query_params["before"], st.query_params["after"] = before, after


def _compared() -> None:
    for name in ("before", "after"):
        chosen = st.session_state[f"compare_{name}"]
        if chosen is not None:
            st.query_params[name] = str(chosen)


def _choose(label: str, name: str, names: dict[str, str], otherwise: str) -> str:
    wanted = st.query_params.get(name) or otherwise
    options = list(names) if wanted in names else [*names, wanted]
    key = f"compare_{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = wanted
    chosen = st.selectbox(
        label,
        options,
        key=key,
        accept_new_options=True,
        format_func=lambda option: names.get(option, option),
        on_change=_compared,
        help="Choose a release, or type the number or the label of an older one.",
    )
    return str(chosen or wanted).strip()


def _comparison(releases: Sequence[Release], database: str) -> None:
    names = {str(one.id): f"{release_name(one).capitalize()} · {one.title}" for one in releases[:OFFERED]}
    names["0"] = "Before the first release"
    earlier = str(releases[1].id) if len(releases) > 1 else "0"
    with card("release_comparison"):
        with st.grid(2, min_column_width=260, gap="small"):
            before = _choose("From", "before", names, earlier)
            after = _choose("To", "after", names, str(releases[0].id))
        try:
            diff = release_data.difference(sources.engine(), database, releases[0].id, before, after)
        except RefusedError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return
        card_title("What differs", counts_text(diff.summary), difference_csv("releases-compared", diff))
        _differences(diff, f"table_compared_{before}_{after}")


def _ask() -> None:
    for name in ("event", "account"):
        value = typed(st.session_state[f"explain_{name}"])
        if value is not None:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)


def _explain(stamp: str) -> None:
    event, account = (typed(st.query_params.get(name)) for name in ("event", "account"))
    with st.form("explain", border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Event", value=event or "", key="explain_event", placeholder="The event's id")
        help_text = "Needed only where several accounts have an event of this id."
        st.text_input("Account", value=account or "", key="explain_account", placeholder="Any", help=help_text)
        st.form_submit_button("Explain", type="primary", icon=":material/search:", on_click=_ask)
    if event is None:
        draw_latest_calls(stamp)
        return
    repository = sources.repository()
    top = str(repository.top) if repository else None
    try:
        told = release_data.explanation(sources.engine(), stamp, event, account, top)
    except RefusedError as error:
        if error.code == "AMBIGUOUS_EVENT":
            words = "Several accounts have an event of this id: type the account, too."
        else:
            words = f"No event {event} is known{f' of account {account}' if account else ''}. Its id is exact."
        st.warning(literal(words), icon=":material/search_off:")
        draw_latest_calls(stamp)
        return
    draw_explanation(told)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    page_header("Releases", "What was applied, by whom, and what it changed", person)
    rollback_note()
    releases = release_data.releases(sources.engine(), stamp.database, stamp.release)
    # An address that names an event opens on its explanation, one that names two releases on their comparison.
    if "view" not in st.query_params and "view" not in st.session_state:
        named = [view for name, view in (("event", EXPLAIN), ("before", COMPARE)) if name in st.query_params]
        st.session_state["view"] = (named or [LIST])[0]
    tabs = dict(zip(VIEWS, st.tabs(VIEWS, key="view", bind="query-params"), strict=True))
    if tabs[LIST].open:
        with tabs[LIST]:
            _list(releases)
            wanted = st.query_params.get("release")
            if wanted:
                _detail(_named(releases, wanted), releases, stamp.database, person)
    if tabs[COMPARE].open:
        with tabs[COMPARE]:
            _comparison(releases, stamp.database)
    if tabs[EXPLAIN].open:
        with tabs[EXPLAIN]:
            _explain(stamp.text)


page()
