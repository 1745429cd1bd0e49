"""Start the server with what every page needs already loaded, so that nobody waits for it with the first page.

The sums that most people look at first are asked for at once, so that the database works while the server starts.
`ratecard dashboard` runs this file; the words after it are options of `streamlit run`.
"""

from __future__ import annotations

import gc
import inspect
import logging
import sys
from importlib import import_module
from pathlib import Path
from threading import Thread

DATA = ("psycopg", "sqlalchemy.dialects.postgresql", "dashboard.ahead")
"""What the first sums need."""
LOADED = (
    "altair",
    "git",
    "pandas",
    "PIL.Image",
    "pyarrow.pandas_compat",
    "metering.analytics.credit_sales",
    "metering.book.ratebook",
    "metering.rating.route_explanation",
    "schema.catalogue",
    "sync.propose",
    "sync.render.impact_text",
)
"""What the pages need; not the pages themselves, which Streamlit runs anew for each view."""


def load_data() -> None:
    """Import what the sums need, before Streamlit runs: its caches would warn that they are in memory, as always."""
    from streamlit.logger import get_logger

    # By a filter, as Streamlit sets the level of all its loggers anew when it starts.
    told = get_logger("streamlit.runtime.caching.cache_data_api")
    told.addFilter(lambda record: record.levelno >= logging.ERROR)
    for name in DATA:
        import_module(name)


def load() -> None:
    """Import the rest, and draw once: the first chart reads the schema of all charts."""
    for name in LOADED:
        import_module(name)
    import altair

    altair.Chart(altair.InlineData(values=[])).mark_bar().encode(x="x:Q").to_dict()
    # Streamlit looks at the stack with the first thing that is drawn, and `inspect` then at the file of every module.
    inspect.stack()
    # All of this stays: whenever garbage is collected, it is not looked at again while a browser waits for an answer.
    gc.freeze()


def read_ahead() -> None:
    """Ask for the sums that most people look at first."""
    from dashboard.ahead import read_first

    read_first()


def main() -> None:
    """Serve until interrupted."""
    load_data()
    Thread(target=read_ahead, name="read ahead", daemon=True).start()
    load()
    from streamlit.web.cli import main as streamlit

    streamlit(["run", str(Path(__file__).with_name("server.py")), *sys.argv[1:]])


if __name__ == "__main__":
    main()
