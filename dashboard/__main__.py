"""Start the server with what every page needs already loaded, so that nobody waits for it with the first page.

`ratecard dashboard` runs this file; the words after it are options of `streamlit run`, which works as well.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

LOADED = (
    "altair",
    "git",
    "pandas",
    "PIL.Image",
    "psycopg",
    "pyarrow.pandas_compat",
    "sqlalchemy.dialects.postgresql",
    "metering.analytics.profit",
    "metering.book.ratebook",
    "schema.catalogue",
    "sync.propose",
)
"""Not the pages nor what they share: Streamlit wants to run before anything that it caches is declared."""


def load() -> None:
    """Import it, and draw once: the first chart reads the schema of all charts."""
    for name in LOADED:
        import_module(name)
    import altair

    altair.Chart(altair.InlineData(values=[])).mark_bar().encode(x="x:Q").to_dict()


def main() -> None:
    """Serve until interrupted."""
    load()
    from streamlit.web.cli import main as streamlit

    streamlit(["run", str(Path(__file__).with_name("streamlit_app.py")), *sys.argv[1:]])


if __name__ == "__main__":
    main()
