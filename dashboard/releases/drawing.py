"""How the releases page draws an explanation, step by step, and the lines in git that it stands on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.exports import Csv, csv_button
from dashboard.formats import exact_money, literal, short_commit
from dashboard.layout import card, card_title
from dashboard.places import page_link_of
from dashboard.releases import data as release_data
from dashboard.releases.explanation import Step, explanation_csv, facts, lines_text, steps
from dashboard.releases.table import release_name
from sync.explain import Explanation
from sync.explain.origin import Origin, Unknown
from sync.forge import ForgePage
from sync.render.explain_text import commit_text

LIST, COMPARE, EXPLAIN = VIEWS = ("Releases", "Compare", "Explain an event")
"""The tabs of the page."""
_EDITED = "That commit says something else than the database: the row was edited in the database."
_WRONG = "The steps do not come to what was recorded: the rows were edited by hand."


def draw_explanation(told: Explanation) -> None:
    """The whole explanation."""
    cost, charge = told.final_nanos
    with card("explanation"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            with st.container(gap="xxsmall", width="stretch"):
                st.subheader(f"Call {literal(str(told.recorded.event['event_id']))}", anchor=False)
                with st.container(horizontal=True, gap="medium"):
                    for name, value in facts(told).items():
                        st.caption(f"{name} **{literal(value)}**", width="content")
            csv_button(explanation_csv(told))
        with st.grid(4, min_column_width=160, gap="small"):
            st.metric("Charge", exact_money(charge), border=True)
            st.metric("Cost", exact_money(cost), border=True)
            st.metric("Release", str(told.recorded.release.id), border=True, help=_label(told))
            st.metric("The steps add up", "Yes" if told.adds_up else "No", border=True)
        if not told.adds_up:
            st.error(_WRONG, icon=":material/error:")
        page = release_data.forge_page()
        for number, step in enumerate(steps(told), 1):
            _step(number, step, page)
        with st.container(horizontal=True):
            number = told.recorded.release.id
            # A link to the page that one is on would leave the tab as it is.
            st.button(f"Open release {number}", icon=":material/history:", on_click=_open_release, args=(number,))
            page_link_of("account", told.recorded.account)


def _open_release(number: int) -> None:
    st.session_state["view"] = LIST
    st.query_params["release"] = str(number)


def _label(told: Explanation) -> str:
    release = told.recorded.release
    return literal(f"Recorded under {release_name(release)}, commit {short_commit(release.commit)}")


def _step(number: int, step: Step, page: ForgePage | None) -> None:
    with card(f"step_{number}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{number}. {literal(step.title)}**", width="stretch")
            if step.result:
                st.markdown(f"**{literal(step.result)}**", width="content")
        if step.rows:
            st.dataframe(
                pd.DataFrame.from_records(step.rows),
                hide_index=True,
                height="content",
                key=f"table_step_{number}",
                alt=f"{step.title}, in lines",
            )
        with st.container(gap="xxsmall"):
            for words in step.words:
                st.text(words)
        if isinstance(step.origin, Unknown):
            st.caption(f":orange[:material/help:] Git cannot say where it was written: {literal(step.origin.reason)}")
        elif step.origin is not None:
            _origin(step.origin, page, number)


def _origin(origin: Origin, page: ForgePage | None, number: int) -> None:
    sha = origin.release.commit
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        place = literal(f"{origin.file}:{lines_text(origin)} at commit {short_commit(sha)}")
        st.caption(f":material/description: {place}", width="content")
        if origin.written is not None:
            st.caption(f":material/commit: last changed by {literal(commit_text(origin.written))}", width="content")
        if page is not None:
            link = page.lines(sha, origin.file, origin.line, origin.end_line)
            label = f"On {literal(page.host)}"
            st.link_button(label, link, type="tertiary", icon=":material/open_in_new:", key=f"lines_{number}")
    if not origin.agrees:
        st.caption(f":orange[:material/warning:] {_EDITED}")
    repository = sources.repository()
    text = None
    if repository is not None:
        text = release_data.written_lines(str(repository.top), sha, origin.file, origin.line, origin.end_line)
    if text:
        with st.expander("The lines in git"):
            st.code(text, language="yaml")


def draw_latest_calls(stamp: str) -> None:
    """The newest calls, to choose one from."""
    calls = release_data.latest_calls(sources.engine(), stamp)
    if not calls:
        st.caption("No call was recorded yet.")
        return
    with card("latest_calls"):
        rows = [
            {
                "Occurred, UTC": f"{call.occurred_at:%Y-%m-%d %H:%M:%S}",
                "Account": call.account,
                "Event": call.event_id,
                "Model": f"{call.provider}/{call.model}" if call.model else "no model",
                "Charge": exact_money(call.charge_nanos),
            }
            for call in calls
        ]
        csv_file = Csv("newest-calls", list(rows[0]), lambda: [list(row.values()) for row in rows])
        card_title("The newest calls", "Choose one to see why it was charged what it was", csv_file)

        def chosen() -> None:
            selected = st.session_state["table_latest_calls"]["selection"]["rows"]
            if selected:
                st.query_params["event"] = calls[selected[0]].event_id
                st.query_params["account"] = calls[selected[0]].account

        st.dataframe(
            pd.DataFrame.from_records(rows),
            hide_index=True,
            height="content",
            on_select=chosen,
            selection_mode="single-row",
            key="table_latest_calls",
            alt="The newest calls",
        )
