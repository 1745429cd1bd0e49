"""The filter bar in Chromium: its choices stay in the URL, from page to page, over a reload and through links."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from tests.dashboard.conftest import Server, Visit
from tests.dashboard.seeding import ACCOUNTS

CHOICES = {"range": "7 days", "per": "Week", "compare": "false", "account": ACCOUNTS[1]}


def _chosen(visit: Visit) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(visit.page.url).query).items()}


def _switch(visit: Visit, group: str, title: str) -> None:
    visit.page.get_by_test_id("stTopNavSection").filter(has_text=group).click()
    visit.page.get_by_test_id("stTopNavDropdownLink").filter(has_text=title).click()
    visit.page.get_by_role("heading", name=title, exact=True).wait_for()
    visit.rest()


def test_choices_survive_page_switches_and_reloads(server: Server, visit: Visit) -> None:
    visit.open(f"{server.url}/usage?{urlencode(CHOICES)}", "Usage")

    _switch(visit, "Analytics", "Overview")
    assert _chosen(visit) == CHOICES

    visit.page.reload()
    visit.sees(f"account {ACCOUNTS[1]}")
    _switch(visit, "Configuration", "Models")
    assert "range" not in _chosen(visit)

    _switch(visit, "Analytics", "Usage")
    assert _chosen(visit) == CHOICES


def test_a_filter_ends_with_a_click_on_its_chip(server: Server, visit: Visit) -> None:
    visit.open(f"{server.url}/?{urlencode(CHOICES)}", "Overview")

    visit.page.locator(".st-key-chip_account button").first.click()
    visit.rest()

    assert _chosen(visit) == {name: value for name, value in CHOICES.items() if name != "account"}
