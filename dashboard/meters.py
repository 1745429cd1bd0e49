"""The meter that the pages write through: one for the server, opened when it is first needed."""

from __future__ import annotations

import streamlit as st

from dashboard import sources
from metering.meter import Meter


@st.cache_resource(show_spinner=False, max_entries=4)
def _meter(url: str) -> Meter:
    # Writes take the newest release by themselves; nothing here waits to be told of one.
    return Meter.open(url, listen=False)


def meter() -> Meter:
    """The meter on the database of the pages. Raises UnavailableError, DatabaseVersionError."""
    return _meter(sources.url())


__all__ = ["meter"]
