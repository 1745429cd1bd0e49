"""What a person wants to do with which entity: by its name or by its row in a table, kept in the URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import streamlit as st

Mode = Literal["Edit", "New", "Remove"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person wants to do with which entity; `name` is empty until one is chosen."""

    mode: Mode
    name: str


def choose_mode(parameter: str, default: Mode = "Edit") -> Mode:
    """Draw the choice of what to do."""
    chosen: Mode | None = st.segmented_control(
        "Action",
        get_args(Mode),
        default=default,
        required=True,
        key=f"{parameter}_action",
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or default


def choose_name(word: str, names: Sequence[str], parameter: str) -> str:
    """Draw the choice of an entity that is there; `word` names one of its kind."""
    chosen = st.selectbox(
        word.capitalize(), names, index=None, key=parameter, bind="query-params", placeholder=f"Choose a {word}"
    )
    return str(chosen or "")


def choose(word: str, names: Sequence[str], parameter: str) -> Choice:
    """Draw both; a new entity has no name yet."""
    mode = choose_mode(parameter)
    return Choice(mode, "" if mode == "New" else choose_name(word, names, parameter))


def take_row(table: str, parameter: str, names: Sequence[str]) -> None:
    """Choose the entity of the row that was clicked in a table; `names` are those of its rows."""
    rows = st.session_state[table]["selection"]["rows"]
    if rows:
        st.session_state[parameter] = names[rows[0]]
        if st.session_state.get(f"{parameter}_action") == "New":
            st.session_state[f"{parameter}_action"] = "Edit"


__all__ = ["Choice", "Mode", "choose", "choose_mode", "choose_name", "take_row"]
