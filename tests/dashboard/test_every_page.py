"""Every page and every detail in Chromium, of a business whose texts are hostile: values, names, looks and CSV files.

Nothing of a name may act: no script runs, no link, markup or formula is made of it, and no cell of a CSV begins one.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.browser_script import SCRIPT as OWN_SCRIPT
from dashboard.formats import count, csv_cell, exact_money, money
from metering import analytics
from metering.accounts.accounts import read_balance
from metering.analytics import Period
from metering.analytics.credit import outstanding
from metering.audit_log import AuditFilter, count_entries
from metering.meter import Meter
from schema.database import reading
from sync.current import list_releases
from sync.proposals import list_proposals
from sync.repository import Repository
from tests.dashboard.conftest import ENTRY, Server, Visit, serve, watched
from tests.dashboard.hostile import ACCOUNT, ADDRESS, EVENT, MODEL, PRICES, SCRIPT, nasty, seed_hostile
from tests.dashboard.seeding import Seeded

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTHS = (1440, 1024)
BACKGROUNDS = {"light": "rgb(251, 251, 253)", "dark": "rgb(16, 19, 26)"}
"""Of the two themes, as .streamlit/config.toml has them."""
RAW = re.compile(r"(?<!\\)<script|(?<!\\)\*\*x|\]\(http|(?<!\\):red\[x|(?<!\\)\$x|(?<!\\)`x")
"""Markup that nothing has escaped."""
PLAIN = (
    "text.body code.code_text selectbox.options selectbox.raw_value multiselect.options text_input.default "
    "text_input.value vega_lite_chart.spec"
)
"""What Streamlit shows as it is; every other text of an element is Markdown, also where it is not in sight."""
NAMED_ROLES = (
    "button checkbox combobox graphics-document heading image img link listbox menuitem radio radiogroup region "
    "searchbox slider spinbutton switch tab table textbox"
)
"""What nobody may meet without a name."""
SAID = """() => {
    const main = document.querySelector("[data-testid=stMain]")
    const inputs = [...main.querySelectorAll("input, textarea")].map(one => one.value)
    const labels = [...main.querySelectorAll("[aria-label]")].map(one => one.getAttribute("aria-label"))
    return [main.textContent, ...inputs, ...labels].join("\\n").replaceAll("\\u2060", "")
}"""
ACTING = """() => [
    typeof window.__x,
    [...document.querySelectorAll("[data-testid=stMain] script, [data-testid=stMain] .katex")]
        .filter(one => !one.textContent.includes("window.ratecard")).length,
    [...document.links].filter(link => link.host !== location.host).map(link => link.href),
    [...document.querySelectorAll("strong, em, del, code, a, [class*=Colored]")]
        .filter(one => one.textContent.trim() === "x").length,
]"""
LOOKS_RIGHT = """([width, colour]) => innerWidth === width
    && getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor === colour
    && [document.documentElement, document.querySelector("[data-testid=stMain]")]
        .every(one => one.scrollWidth <= one.clientWidth)"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the pages are compared with."""

    seeded: Seeded
    connection: Connection
    meter: Meter
    now: datetime

    @property
    def today(self) -> date:
        """Today."""
        return self.now.date()

    @property
    def period(self) -> Period:
        """The days that pages show at first."""
        return Period.last(30, self.today)

    @property
    def totals(self) -> analytics.Totals:
        """The sums of these days."""
        return analytics.totals(self.connection, self.period, today=self.today)

    def charge(self, **filters: str) -> str:
        """What was charged in these days."""
        (row,) = analytics.usage_by(self.connection, (), self.period, filters)
        return money(row.charge_nanos)

    @property
    def mrr(self) -> str:
        """Monthly recurring revenue today."""
        return money(analytics.mrr_nanos(self.connection, self.today))

    @property
    def balance(self) -> str:
        """The balance of the hostile account."""
        return money(read_balance(self.connection, ACCOUNT, now=self.now).balance_nanos)

    def quote(self, model: str) -> str:
        """What the example call of the pages is charged."""
        provider, _, name = model.partition("/")
        return exact_money(self.meter.quote(provider, name, {"input": 1_000, "output": 500}).charge_nanos)

    @property
    def releases(self) -> int:
        """How many there are."""
        return len(list_releases(self.connection))

    @property
    def proposals(self) -> int:
        """How many wait."""
        return len(list_proposals(Repository.open(self.seeded.repository), "main"))

    @property
    def entries(self) -> int:
        """How many the audit log has."""
        return count_entries(self.connection, AuditFilter())


@dataclass(frozen=True, slots=True)
class Place:
    """A page or a detail of it, its address, and what it must show."""

    page: str
    shows: Callable[[Facts], list[str]]
    query: Mapping[str, str]

    @property
    def address(self) -> str:
        """The path and query below the server's."""
        path = "" if self.page == "overview" else self.page
        return f"/{path}?{urlencode(self.query)}"

    def __str__(self) -> str:
        return "-".join([self.page, *self.query])


def _place(page: str, shows: Callable[[Facts], list[str]], **query: str) -> Place:
    return Place(page, shows, query)


PLACES = [
    _place("overview", lambda facts: [money(facts.totals.revenue_nanos), money(facts.totals.profit_nanos), ACCOUNT]),
    _place("usage", lambda facts: [facts.charge(), MODEL]),
    _place("usage", lambda facts: [facts.charge(), ACCOUNT], by="Account", within="User"),
    _place("profit", lambda facts: [money(facts.totals.profit_nanos)]),
    _place("revenue", lambda facts: [facts.mrr, ACCOUNT]),
    _place(
        "revenue",
        lambda facts: [money(outstanding(facts.connection, facts.now).deferred_nanos), ACCOUNT],
        revenue="Credit",
    ),
    _place("models", lambda facts: [MODEL, nasty("model")]),
    _place("models", lambda facts: [nasty("model"), facts.quote(MODEL)], model=MODEL),
    _place("pricing", lambda facts: [MODEL]),
    _place("pricing", lambda facts: [facts.quote(MODEL), nasty("label")], model=MODEL),
    _place("routing", lambda facts: ["chat_response"]),
    # 90 % Sonnet at 3 and 15 USD per million, margin 1.3; 10 % Haiku at 1 and 5, margin 3.
    _place("routing", lambda facts: ["the mean of the shares", "$0.0098", "$0.013335"], task="chat_response"),
    _place("routing", lambda facts: [nasty("task"), "$"], routing_view="Tasks", task="extraction"),
    _place("plans", lambda facts: [facts.mrr, nasty("plan")]),
    _place("plans", lambda facts: [facts.mrr, nasty("pro description")], plan="pro"),
    _place("packs", lambda facts: ["175000", "0.0857 USD"]),
    _place("packs", lambda facts: [nasty("badge")], pack="Growth"),
    _place("features", lambda facts: ["search", "$0.01"]),
    _place("features", lambda facts: [nasty("feature description")], feature="search"),
    _place("features", lambda facts: ["standard"], view="Run units"),
    _place("features", lambda facts: ["high", "1.5"], view="Reasoning"),
    _place("rates", lambda facts: ["USD/ZAR", "18.5"]),
    _place("settings", lambda facts: [nasty("site")]),
    _place("settings", lambda facts: [nasty("extra")], group="Extra"),
    _place("settings", lambda facts: ["Lowest margin", "prices in force or scheduled pass"], group="Policy"),
    _place("access", lambda facts: [ADDRESS]),
    _place("access", lambda facts: [ADDRESS], person=ADDRESS),
    _place("draft", lambda facts: ["The draft is empty"]),
    _place("proposals", lambda facts: [f"{facts.proposals} waiting", nasty("proposal"), f"ratecard/=cmd(){SCRIPT}"]),
    _place("releases", lambda facts: [f"{facts.releases} releases", nasty("label"), nasty("subject")]),
    _place("releases", lambda facts: [nasty("label"), nasty("subject"), nasty("applier")], release="2"),
    _place("releases", lambda facts: ["What differs", MODEL], before="1", after="2"),
    # 90 million at 1 and half a million at 2 USD per million, margin 2, less the dollar that was refunded.
    _place("releases", lambda facts: ["$181.00", nasty("caller"), PRICES], event=EVENT, account=ACCOUNT),
    _place("accounts", lambda facts: [ACCOUNT, nasty("name")]),
    _place("accounts", lambda facts: [facts.balance, nasty("name"), nasty("user")], account=ACCOUNT),
    _place("accounts", lambda facts: [facts.balance, nasty("grant note")], account=ACCOUNT, section="Wallet"),
    _place("accounts", lambda facts: [facts.charge(account=ACCOUNT), MODEL], account=ACCOUNT, section="Usage"),
    _place("accounts", lambda facts: [nasty("key"), nasty("person")], account=ACCOUNT, section="Keys"),
    _place("accounts", lambda facts: [nasty("person"), nasty("reason")], account=ACCOUNT, section="Activity"),
    _place("audit", lambda facts: [f"{count(facts.entries)} entries", nasty("person")]),
    _place("audit", lambda facts: ["release 2", nasty("applier")], entry="2"),
    _place("health", lambda facts: [f"release {facts.releases}", nasty("program"), nasty("host")]),
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard on a hostile business."""
    folder = tmp_path_factory.mktemp("hostile")
    with serve(seed_hostile(folder), folder / "log") as running:
        yield running


@pytest.fixture(scope="module")
def facts(hostile: Server) -> Iterator[Facts]:
    """What the database and the repository hold."""
    engine = hostile.seeded.engine()
    with reading(engine) as connection, Meter.open(hostile.seeded.url) as meter:
        yield Facts(hostile.seeded, connection, meter, datetime.now(UTC))
    engine.dispose()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Visit]:
    """One tab for all pages; Markdown that comes with a hostile name as it is counts among the errors."""
    with watched(browser) as found:

        def heard(frame: bytes | str) -> None:
            if isinstance(frame, bytes):
                found.errors.extend(_unescaped(ForwardMsg.FromString(frame), ""))

        found.page.on("websocket", lambda socket: socket.on("framereceived", heard))
        yield found


def _unescaped(message: Any, parent: str) -> Iterator[str]:
    for field, value in message.ListFields():
        for one in value if field.is_repeated else [value]:
            if hasattr(one, "ListFields"):
                yield from _unescaped(one, field.name)
            elif isinstance(one, str) and field.name != "id" and RAW.search(one.replace(OWN_SCRIPT, "")):
                name = f"{parent}.{field.name}"
                if name not in PLAIN.split():
                    yield f"{name}: {one}"


def test_every_page_is_visited() -> None:
    # To import the entry script would run it.
    (groups,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(ENTRY.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PAGES"
    )
    pages = {Path(file).stem for group in groups.values() for file, *_ in group}

    assert {place.page for place in PLACES} == pages


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_page(hostile: Server, facts: Facts, tab: Visit, place: Place) -> None:
    tab.errors.clear()
    tab.page.set_viewport_size({"width": WIDTHS[0], "height": 2_000})
    tab.page.goto(f"{hostile.url}{place.address}")
    tab.page.locator("h1").first.wait_for(timeout=60_000)
    tab.at_rest()

    _says(tab, place.shows(facts))
    assert tab.page.locator("h1").count() == 1
    assert tab.page.locator("[data-testid=stException]").count() == 0
    assert tab.page.evaluate(ACTING) == ["undefined", 0, [], 0]
    assert _nameless(tab) == []
    _looks_right(tab)
    for text in _files(tab):
        cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
        assert [cell for cell in cells if csv_cell(cell) != cell] == []
    assert tab.errors == []
    assert tab.hosts - {"", "127.0.0.1"} == set()


def _says(tab: Visit, wanted: list[str]) -> None:
    """Wait until each text stands on the page."""
    for _ in range(600):
        said = " ".join(tab.page.evaluate(SAID).split())
        missing = [text for text in wanted if text not in said]
        if not missing:
            return
        tab.page.wait_for_timeout(100)
    raise AssertionError(f"{missing} not in {said}")


def _nameless(tab: Visit) -> list[str]:
    """What people with a screen reader meet without a name; charts within metrics are Streamlit's own."""
    session = tab.page.context.new_cdp_session(tab.page)
    nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        str(node)
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in NAMED_ROLES.split()
        and not str(node.get("name", {}).get("value", "")).strip()
    ]


def _looks_right(tab: Visit) -> None:
    """Light and dark follow the machine, and nothing is wider than the window; the next page begins in the other."""
    page = tab.page
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    for width, scheme in zip(WIDTHS, ("dark", "light") if dark else ("light", "dark"), strict=True):
        page.set_viewport_size({"width": width, "height": 2_000})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_function(LOOKS_RIGHT, arg=[width, BACKGROUNDS[scheme]])


def _files(tab: Visit) -> Iterator[str]:
    """Every CSV that the page offers."""
    buttons = tab.page.get_by_role("button", name="CSV", exact=True)
    for place in range(buttons.count()):
        with tab.page.expect_download() as waiting:
            buttons.nth(place).click()
        yield waiting.value.path().read_text(encoding="utf-8")
