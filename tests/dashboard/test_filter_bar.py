"""The filter bar in Chromium: its choices stay in the URL, from page to page, over a reload and through links."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.dashboard.conftest import OpenApp, Server, Visit
from tests.dashboard.seeding import ACCOUNTS, Seeded

if TYPE_CHECKING:
    from playwright.sync_api import Locator

CHOICES = {"range": "7 days", "per": "Week", "compare": "false", "only_account": ACCOUNTS[1]}


def _chosen(visit: Visit) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(visit.page.url).query).items()}


def _switch(visit: Visit, group: str, title: str) -> None:
    visit.page.get_by_test_id("stTopNavSection").filter(has_text=group).click()
    visit.page.get_by_test_id("stTopNavDropdownLink").filter(has_text=title).click()
    visit.page.get_by_role("heading", name=title, exact=True).first.wait_for()
    visit.rest()


def test_choices_survive_page_switches_and_reloads_and_act_where_they_are_seen(server: Server, visit: Visit) -> None:
    """Models and Accounts show a model and an account too: what Usage is narrowed to opens none of them."""
    choices = CHOICES | {"only_model": "openai/gpt-4o"}
    visit.open(f"{server.url}/usage?{urlencode(choices)}", "Usage")

    _switch(visit, "Analytics", "Overview")
    assert _chosen(visit) == choices

    visit.page.reload()
    visit.sees(f"account {ACCOUNTS[1]}")
    for group, title in (("Configuration", "Models"), ("Operations", "Accounts")):
        _switch(visit, group, title)
        assert _chosen(visit) == choices
    visit.page.reload()
    visit.page.get_by_role("heading", name="Accounts", exact=True).first.wait_for()
    visit.rest()
    assert _chosen(visit) == choices

    _switch(visit, "Analytics", "Usage")
    assert _chosen(visit) == choices


def test_a_filter_ends_with_a_click_on_its_chip_and_begins_with_keys(server: Server, visit: Visit) -> None:
    visit.open(f"{server.url}/?{urlencode(CHOICES)}", "Overview")

    visit.page.locator(".st-key-chip_account button").first.click()
    visit.rest()

    rest = {name: value for name, value in CHOICES.items() if name != "only_account"}
    assert _chosen(visit) == rest
    visit.page.get_by_role("button", name="Filters").focus()
    visit.page.keyboard.press("Enter")
    visit.page.locator("[aria-label=Model]:focus").wait_for()
    visit.page.keyboard.type("gpt-4o")
    visit.page.keyboard.press("Enter")
    visit.sees("model openai/gpt-4o")
    visit.page.keyboard.press("Escape")
    visit.page.get_by_role("combobox", name="Model").wait_for(state="detached")
    assert _chosen(visit) == rest | {"only_model": "openai/gpt-4o"}


def test_a_link_keeps_what_it_names_and_back_ends_its_filter(server: Server, visit: Visit) -> None:
    visit.open(f"{server.url}/plans", "Plans")

    visit.page.get_by_role("link", name="Usage").last.click()
    visit.page.get_by_role("heading", name="Usage", exact=True).wait_for()
    visit.sees("Filters (1)")
    (plan,) = _chosen(visit).values()
    _switch(visit, "Analytics", "Overview")
    assert _chosen(visit) == {"only_plan": plan}
    visit.page.locator(".st-key-chip_plan button").first.click()
    visit.rest()
    assert _chosen(visit) == {}
    visit.page.go_back()
    visit.sees("Filters (1)")
    visit.page.go_forward()
    visit.page.get_by_text("Filters (1)").wait_for(state="detached")


def test_each_press_of_back_undoes_one_thing(server: Server, visit: Visit) -> None:
    """What Streamlit tells the browser of the address is an entry of its history each time."""

    def back(title: str, **chosen: str) -> None:
        visit.page.go_back()
        visit.page.get_by_role("heading", name=title, exact=True).wait_for()
        visit.rest()
        assert _chosen(visit) == chosen

    both = {"only_model": "openai/gpt-4o", "only_account": ACCOUNTS[0]}
    own = {"by": "Plan", "metric": "Tokens"}
    visit.open(f"{server.url}/usage?{urlencode(both | own)}", "Usage")
    _switch(visit, "Configuration", "Models")
    _switch(visit, "Analytics", "Usage")
    assert _chosen(visit) == both | own
    visit.page.get_by_role("button", name="Filters (2)").click()
    visit.page.get_by_role("button", name="Clear filters").click()
    visit.rest()
    assert _chosen(visit) == own
    visit.page.keyboard.press("Escape")
    visit.page.get_by_role("radio", name="7 days").click()
    visit.rest()
    _switch(visit, "Analytics", "Profit")
    assert _chosen(visit) == {"range": "7 days"}
    visit.page.locator(".st-key-cost_and_revenue [role=graphics-symbol][aria-roledescription=bar]").first.click()
    visit.rest()
    assert _chosen(visit)["range"] == "Custom"

    back("Profit", range="7 days")
    visit.page.get_by_role("radio", name="7 days", checked=True).wait_for()
    back("Usage", range="7 days", **own)
    back("Usage", **both, **own)
    back("Models", **both)
    back("Usage", **both, **own)


def test_a_click_on_a_bar_leads_to_what_is_behind_it(server: Server, visit: Visit) -> None:
    def bars(card: str) -> Locator:
        return visit.page.locator(f".st-key-{card} [role=graphics-symbol][aria-roledescription=bar]")

    visit.open(f"{server.url}/usage?by=Account", "Usage")
    bar = bars("usage_chart").first
    name = (bar.get_attribute("aria-label") or "").partition("Series: ")[2].partition("; order")[0]
    bar.click()
    visit.sees("Filters (1)")
    visit.rest()
    assert _chosen(visit) == {"by": "Account", "only_account": name}

    visit.open(f"{server.url}/profit", "Profit")
    bar = bars("cost_and_revenue").first
    day = (bar.get_attribute("aria-label") or "").partition("day: ")[2][:10]
    bar.click()
    visit.page.get_by_role("radio", name="Custom", checked=True).wait_for()
    visit.rest()
    assert _chosen(visit) == {"range": "Custom", "dates": day}

    # The days of a link stand above those that were chosen before.
    _switch(visit, "Analytics", "Revenue")
    visit.page.get_by_role("radio", name="Credit").click()
    visit.page.get_by_role("link", name="What calls of").click()
    visit.page.get_by_role("heading", name="Usage", exact=True).wait_for()
    visit.rest()
    days = parse_qs(urlsplit(visit.page.url).query)["dates"]
    assert days[0] == f"{days[1][:8]}01"
    assert _chosen(visit) == {"by": "Account", "metric": "Revenue", "range": "Custom", "dates": days[1]}


def test_an_account_keeps_the_range_and_gives_it_back_to_the_list(server: Server, visit: Visit) -> None:
    """The list of accounts and the page of one are one page to Streamlit, with and without a bar."""
    visit.open(f"{server.url}/accounts?account={ACCOUNTS[0]}&range=7+days", ACCOUNTS[0])

    visit.page.get_by_role("radio", name="Usage", exact=True).click()
    visit.page.get_by_role("radio", name="7 days", checked=True).wait_for()
    visit.page.get_by_role("radio", name="90 days").click()
    visit.rest()
    visit.page.get_by_role("button", name="All accounts").click()
    visit.page.get_by_role("heading", name="Accounts", exact=True).first.wait_for()
    visit.rest()
    assert _chosen(visit) == {"range": "90 days"}


@pytest.mark.parametrize("day", ["2999-01-01", "1999-12-31", "soon"])
def test_choices_that_nobody_could_make_are_dropped_by_the_page_that_has_the_bar(
    server: Server, visit: Visit, day: str
) -> None:
    said = {"range": "Custom", "dates": day, "per": "Year", "only_model": "no/model", "compare": "false"}
    visit.open(f"{server.url}/models?{urlencode(said)}", "Models")

    _switch(visit, "Analytics", "Usage")

    assert _chosen(visit) == {"range": "Custom", "compare": "false"}
    visit.page.get_by_role("radio", name="Custom", checked=True).wait_for()
    visit.sees("Filters")


def test_back_takes_the_range_of_a_link_back(server: Server, visit: Visit) -> None:
    visit.open(f"{server.url}/revenue?revenue=Credit", "Revenue")
    visit.page.get_by_role("link", name="What calls of").click()
    visit.page.get_by_role("heading", name="Usage", exact=True).wait_for()
    visit.rest()
    assert _chosen(visit)["range"] == "Custom"

    visit.page.go_back()
    visit.page.get_by_role("heading", name="Revenue", exact=True).wait_for()
    visit.rest()
    _switch(visit, "Analytics", "Overview")
    assert _chosen(visit) == {}
    visit.page.get_by_role("radio", name="30 days", checked=True).wait_for()


def test_a_page_that_is_left_while_it_draws_the_bar_leaves_no_fault_behind(
    seeded: Seeded, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What comes after the widgets is not carried out.
    monkeypatch.setattr("dashboard.filters.let_go", lambda names: None)
    app = open_app(seeded, "usage", range="7 days")
    app.switch_page("app_pages/models.py").run()
    assert not app.exception
    assert app.query_params["range"] == "7 days"
