"""How fast the dashboard's pages are drawn over a million events on PostgreSQL, in Chromium, and what the server holds.

    python -m benchmarks.dashboard [EVENTS]

Cold is the first page that a new window of a browser without a cache opens at a server that has just started, warm the
same page opened again; both end when the script is at rest and what it drew stands on the page. Then filters and ranges
are chosen, each for the first time and after two seconds of reading, from the click until the page is drawn again. Of
the pages with these choices the same is measured while two calls a second arrive. The yardstick is the query behind
most pages, the sums of 30 days by model, asked of the database by the bare driver. RATECARD_BENCH_POSTGRES_URL names an
empty database on a server; without it an embedded one is started.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from playwright.sync_api import Browser, Locator, Page, sync_playwright
from sqlalchemy import Engine, select
from tqdm import tqdm

from benchmarks.record import postgresql
from metering.meter import Meter
from metering.usage import Usage
from schema.database import make_engine, reading
from schema.tables import accounts
from tests.chromium import CHROMIUM, FLAGS

ROOT = Path(__file__).resolve().parent.parent
EVENTS = 1_000_000
DAYS = 90
BATCH = 5_000
SESSIONS = 10
WARM = 3
READ_SECONDS = 2
FILTERS = ("Model", "Plan", "Task", "Account")
RANGES = ("7 days", "90 days")
"""What is chosen in the bar, after the 30 days that a page begins with; the last are all events."""
MODELS = ("anthropic/claude-haiku-4-5", "anthropic/claude-sonnet-4-5", "openai/gpt-4o", "google/gemini-2.5-flash")
TASKS = ("extraction", "chat_response", "summarization", None)
DRAWN = """(
    document.querySelector(".st-key-page_header")
    && document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
    && !document.querySelector("[data-testid=stMain] [data-testid=stSkeleton]")
    && [...document.querySelectorAll("[data-testid=stVegaLiteChart]")].every(one => one.querySelector("canvas, svg"))
)"""
"""The script is at rest, and what it drew stands on the page, with its charts."""
FROM_CLICK = f"""() => {{
    let began, ran = false;
    addEventListener("click", () => began = performance.now(), {{capture: true, once: true}});
    window.redrawn = new Promise((done, fail) => requestAnimationFrame(function look() {{
        began && performance.now() - began > 60_000 && fail(Error("not drawn again within a minute"));
        ran ||= !!document.querySelector("[data-testid=stApp][data-test-script-state=running]");
        ran && {DRAWN} ? done(performance.now() - began) : requestAnimationFrame(look);
    }}));
}}"""
"""Looks at every frame until the script has run and the page is drawn: how many milliseconds after the click."""


def repository(folder: Path) -> Path:
    """A git repository with the shipped configuration, and the demo's business in the database of the environment."""
    shutil.copytree(ROOT / "config", folder / "config")
    for words in (
        ("init", "--quiet", "--initial-branch=main"),
        ("config", "user.name", "Price Desk"),
        ("config", "user.email", "prices@example.com"),
        ("add", "--all"),
        ("commit", "--quiet", "--message=Begin"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    command = [str(Path(sys.executable).parent / "ratecard"), "demo", "--no-serve"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder


def record(url: str, events: int) -> None:
    """Calls of the demo's accounts, spread over the last 90 days."""
    now = datetime.now(UTC)
    with Meter.open(url) as meter:
        with reading(meter.engine) as connection:
            names = list(connection.execute(select(accounts.c.account).order_by(accounts.c.id)).scalars())
        step = timedelta(days=DAYS) / events
        for start in tqdm(range(0, events, BATCH), desc="events", unit="batch"):
            meter.record_many(
                Usage(
                    event_id=f"bench-{number}",
                    account=names[number * 7 % len(names)],
                    user=f"user-{number % 5_000}",
                    model=MODELS[number % len(MODELS)],
                    task=TASKS[number // 3 % len(TASKS)],
                    units={"input": 500 + number % 4_000, "output": 20 + number % 600},
                    occurred_at=now - timedelta(days=DAYS) + step * number,
                )
                for number in range(start, min(start + BATCH, events))
            )


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, int]]:
    """Address and process id of a dashboard that has just started: of the server, which the command waits for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "ratecard"), "dashboard", f"--port={port}"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                    break
            except OSError:
                time.sleep(0.1)
        yield address, int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    finally:
        process.terminate()
        process.wait(timeout=20)


def draw(page: Page, address: str) -> float:
    """Seconds from the navigation until a page is drawn."""
    page.goto(address, wait_until="commit")
    # At every frame: Playwright's own waits look twice a second at last.
    return float(page.wait_for_function(f"() => {DRAWN} && performance.now()", timeout=60_000).json_value()) / 1000


def redraw(page: Page, clicked: Locator) -> float:
    """Seconds from a click until the page is drawn again."""
    page.evaluate(FROM_CLICK)
    clicked.click()
    return float(page.evaluate("redrawn")) / 1000


def choose(page: Page, days: str) -> float:
    """Seconds from the click on a range until the page is drawn."""
    page.wait_for_timeout(READ_SECONDS * 1000)
    return redraw(page, page.get_by_role("radio", name=days, exact=True))


def narrow(page: Page, name: str) -> float:
    """Seconds from the click on the first choice of a filter until the page is drawn; the filter is cleared again."""
    page.wait_for_timeout(READ_SECONDS * 1000)
    page.get_by_role("button", name="Filters").first.click()
    page.get_by_role("combobox", name=name).click()
    choice = page.get_by_role("option").first
    choice.wait_for()
    seconds = redraw(page, choice)
    redraw(page, page.get_by_role("button", name="Clear filters"))
    page.keyboard.press("Escape")
    return seconds


def raw_seconds(engine: Engine) -> float:
    """The median time of the sums of 30 days by model."""
    statement = (
        "SELECT provider, model, count(*), sum(cost_nanos), sum(charge_nanos) FROM usage_events "
        "WHERE day >= current_date - 29 GROUP BY provider, model"
    )
    times = []
    for _ in range(5):
        with reading(engine) as connection:
            began = time.perf_counter()
            connection.exec_driver_sql(statement).all()
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def resident_megabytes(process: int) -> int:
    """What a process holds in memory now."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


@contextmanager
def arriving(url: str) -> Iterator[None]:
    """Two calls a second, until the block ends."""
    ended = Event()

    def call() -> None:
        with Meter.open(url) as meter:
            with reading(meter.engine) as connection:
                account = connection.execute(select(accounts.c.account).limit(1)).scalar_one()
            while not ended.wait(0.5):
                now, units = datetime.now(UTC), {"input": 500, "output": 20}
                meter.record(Usage(event_id=f"{now}", account=account, model=MODELS[0], units=units, occurred_at=now))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(call)
        try:
            yield
        finally:
            ended.set()
            done.result()


def page_seconds(browser: Browser, folder: Path, name: str) -> list[float | None]:
    """Cold, warm, and each choice of the bar, of a page on a server that has just started; None for what it lacks."""
    with browser.new_context() as context:
        # What Chromium does for a new window is no part of a page.
        page = context.new_page()
        with server(folder) as (address, _):
            url = f"{address}/{'' if name == 'overview' else name}"
            seconds: list[float | None] = [draw(page, url)]
            seconds.append(statistics.median(draw(page, url) for _ in range(WARM)))
            popover = page.get_by_role("button", name="Filters").count()
            bar = page.locator(".st-key-filter_bar").count()
            seconds += [narrow(page, title) if popover else None for title in FILTERS]
            seconds += [choose(page, days) if bar else None for days in RANGES]
            page.goto("about:blank")
    return seconds


def show(name: str, seconds: Sequence[float | None]) -> None:
    """Print a line of the table."""
    print(f"{name:14}", *("      -" if one is None else f"{one:6.2f}s" for one in seconds), flush=True)


def measure(browser: Browser, folder: Path, url: str) -> None:
    """Print the figures of each page, then of ten sessions."""
    names = sorted(file.stem for file in (ROOT / "dashboard" / "app_pages").glob("[a-z]*.py"))
    print(f"{'page':14}", *(f"{title:>7}" for title in ("cold", "warm", *FILTERS, *RANGES)))
    found = {}
    for name in names:
        found[name] = page_seconds(browser, folder, name)
        show(name, found[name])
    print("while two calls a second arrive")
    for name, quiet in found.items():
        if None not in quiet:
            with arriving(url):
                show(name, page_seconds(browser, folder, name))
    with server(folder) as (address, process), ExitStack() as open_contexts:
        for number in range(SESSIONS):
            page = open_contexts.enter_context(browser.new_context()).new_page()
            for name in names:
                draw(page, f"{address}/{'' if name == 'overview' else name}")
            if number in (0, SESSIONS - 1):
                print(
                    f"memory of the server with {number + 1:2} sessions: {resident_megabytes(process)} MB", flush=True
                )


def main() -> None:
    """Fill a database, and measure."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with tempfile.TemporaryDirectory() as name, postgresql(Path(name) / "postgresql") as url:
        os.environ["RATECARD_DATABASE_URL"] = url
        folder = repository(Path(name) / "repository")
        record(url, events)
        engine = make_engine(url)
        with engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
        print(f"{events:,} events; their sums of 30 days by model, bare: {raw_seconds(engine):.2f} s")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            measure(browser, folder, url)
            browser.close()


if __name__ == "__main__":
    main()
