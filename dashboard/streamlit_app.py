"""The script of the dashboard, which `ratecard dashboard` serves by `server.py`, and `streamlit run` by itself."""

from __future__ import annotations

import logging

import streamlit as st
from sqlalchemy.exc import DBAPIError

from dashboard import sources
from dashboard.held import enter_page
from dashboard.layout import ASSETS, error_state, style
from schema.errors import DatabaseError, RatecardError

PAGES = {
    "Analytics": (
        ("app_pages/overview.py", "Overview", ":material/monitoring:"),
        ("app_pages/usage.py", "Usage", ":material/bar_chart:"),
        ("app_pages/profit.py", "Profit", ":material/savings:"),
        ("app_pages/revenue.py", "Revenue", ":material/payments:"),
    ),
    "Configuration": (
        ("app_pages/models.py", "Models", ":material/deployed_code:"),
        ("app_pages/pricing.py", "Pricing", ":material/sell:"),
        ("app_pages/routing.py", "Routing", ":material/alt_route:"),
        ("app_pages/plans.py", "Plans", ":material/card_membership:"),
        ("app_pages/packs.py", "Credit packs", ":material/toll:"),
        ("app_pages/features.py", "Features", ":material/extension:"),
        ("app_pages/rates.py", "Exchange rates", ":material/currency_exchange:"),
        ("app_pages/settings.py", "Settings", ":material/tune:"),
        ("app_pages/access.py", "Access", ":material/shield_person:"),
        ("app_pages/draft.py", "Draft", ":material/edit_note:"),
    ),
    "Operations": (
        ("app_pages/proposals.py", "Proposals", ":material/merge:"),
        ("app_pages/releases.py", "Releases", ":material/history:"),
        ("app_pages/accounts.py", "Accounts", ":material/groups:"),
        ("app_pages/audit.py", "Audit log", ":material/policy:"),
        ("app_pages/health.py", "Health", ":material/monitor_heart:"),
    ),
}
"""Groups of the navigation: file, title and icon of each page. Every page asks for its role itself."""


def main() -> None:
    """Choose the page and draw it; a fault of the data becomes a page that says what to do."""
    st.set_page_config(page_title="Ratecard", page_icon=str(ASSETS / "favicon.svg"), layout="wide")
    st.logo(str(ASSETS / "logo.png"), size="large")
    style()
    groups = {
        group: [st.Page(file, title=title, icon=icon, default=title == "Overview") for file, title, icon in pages]
        for group, pages in PAGES.items()
    }
    page = st.navigation(groups, position="top")
    st.set_page_config(page_title=f"{page.title} · Ratecard", page_icon=str(ASSETS / "favicon.svg"))
    enter_page(sources.utc_now().date())
    try:
        page.run()
    except RatecardError as error:
        error_state(error)
    except DBAPIError as error:
        error_state(DatabaseError(str(error.orig or error).splitlines()[0]))
    except Exception:
        logging.getLogger("ratecard.dashboard").exception("the page %s failed", page.title)
        error_state(RuntimeError("The page could not be drawn. The server's log says why; reload to try again."))


main()
