"""Start the server with what every page needs already loaded, so that nobody waits for it with the first page.

The sums that most people look at first are asked for at once, while the first browser is still busy with itself.
`ratecard dashboard` runs this file; the words after it are options of `streamlit run`, which works as well.
"""

from __future__ import annotations

import inspect
import logging
import sys
import time
from importlib import import_module
from pathlib import Path
from threading import Thread

LOADED = (
    "altair",
    "git",
    "pandas",
    "PIL.Image",
    "psycopg",
    "pyarrow.pandas_compat",
    "sqlalchemy.dialects.postgresql",
    "metering.analytics.credit_sales",
    "metering.analytics.profit",
    "metering.book.ratebook",
    "metering.rating.route_explanation",
    "schema.catalogue",
    "sync.propose",
    "sync.render.impact_text",
)
"""Not the pages nor what they share: Streamlit wants to run before anything that it caches is declared."""


def load() -> None:
    """Import it, and draw once: the first chart reads the schema of all charts."""
    for name in LOADED:
        import_module(name)
    import altair

    altair.Chart(altair.InlineData(values=[])).mark_bar().encode(x="x:Q").to_dict()
    # Streamlit looks at the stack with the first thing that is drawn, and `inspect` then at the file of every module.
    inspect.stack()


def look_ahead() -> None:
    """Read ahead once Streamlit runs: nothing can be cached before."""
    from streamlit import runtime

    while not runtime.exists():
        time.sleep(0.02)
    read_ahead()


def read_ahead() -> None:
    """Ask for what the Overview, Usage and Profit show of the default range; pages find it cached."""
    from sqlalchemy.exc import DBAPIError

    from dashboard import data, sources
    from dashboard.periods import DEFAULT_PRESET, preset_period
    from schema.errors import RatecardError

    today = sources.utc_now().date()
    try:
        stamp = sources.read_stamp() if sources.state()[0] == "current" else None
        if stamp is not None:
            period = preset_period(DEFAULT_PRESET, today)
            shown, before = period.bounds(), period.previous().bounds()
            # One look at both: what is asked of each is a part of that.
            for days in ((before[0], shown[1]), shown, before):
                data.sums(sources.engine(), stamp.text, days, (), today)
            data.standing(sources.engine(), stamp.text, today)
            for days in (shown, before):
                data.profit_by(sources.engine(), stamp.text, "plan", days, (), today)
    except (RatecardError, DBAPIError) as error:
        # The page that asks again says it to somebody who can mend it.
        logging.getLogger("ratecard.dashboard").warning("the first sums could not be read ahead: %s", error)


def main() -> None:
    """Serve until interrupted."""
    load()
    Thread(target=look_ahead, name="look ahead", daemon=True).start()
    from streamlit.web.cli import main as streamlit

    streamlit(["run", str(Path(__file__).with_name("streamlit_app.py")), *sys.argv[1:]])


if __name__ == "__main__":
    main()
