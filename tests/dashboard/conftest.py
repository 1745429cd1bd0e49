"""The dashboard as people meet it: by Streamlit's AppTest, and in Chromium on a server started by the real command."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest

from tests.chromium import ABSENT, CHROMIUM, FLAGS
from tests.dashboard.seeding import Seeded, seed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOP = Path(__file__).parents[2]
ENTRY = TOP / "dashboard" / "streamlit_app.py"
SERVER = TOP / "dashboard" / "server.py"
START_SECONDS = 60
SECRETS = """\
[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "kept only in this test"
client_id = "ratecard"
client_secret = "of the test"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""
OpenApp = Callable[..., AppTest]


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A repository and database that no test changes."""
    return seed(tmp_path_factory.mktemp("seeded"))


@pytest.fixture(scope="session")
def components() -> BidiComponentManager:
    """The components of installed packages, which AppTest would look for in each of its apps."""
    found = BidiComponentManager()
    found.discover_and_register_components(start_file_watching=False)
    return found


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch, components: BidiComponentManager) -> OpenApp:
    """`open_app(seeded, page)`: the app on a repository and its database, at a page."""

    def run(where: Seeded, page: str = "overview", **query: str | list[str]) -> AppTest:
        monkeypatch.chdir(where.repository)
        monkeypatch.setenv("RATECARD_DATABASE_URL", where.url)
        monkeypatch.setattr("streamlit.config._main_script_path", str(ENTRY))
        # AppTest has no connection; as on the machine itself, there is no address.
        monkeypatch.setattr("streamlit.runtime.context.ContextProxy.ip_address", None)
        app = AppTest.from_file(str(ENTRY), default_timeout=60)
        app._bidi_component_manager = components
        if page != "overview":
            app.switch_page(f"app_pages/{page}.py")
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return run


@dataclass
class Server:
    """A running dashboard."""

    url: str
    seeded: Seeded


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serve(seeded: Seeded, log: Path, provider: str | None = None) -> Iterator[Server]:
    """`streamlit run dashboard/server.py` in the repository, until the block ends.

    With the address of an OpenID provider, people sign in there.
    """
    port = free_port()
    if provider is not None:
        secrets = seeded.repository / ".streamlit" / "secrets.toml"
        secrets.parent.mkdir(exist_ok=True)
        secrets.write_text(SECRETS.format(port=port, provider=provider))
    command = [str(Path(sys.executable).parent / "streamlit"), "run", str(SERVER), f"--server.port={port}"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RATECARD_"))}
    env |= {"RATECARD_DATABASE_URL": seeded.url, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=seeded.repository, env=env, stdout=output, stderr=output)
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield Server(f"http://127.0.0.1:{port}", seeded)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the dashboard did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def server(seeded: Seeded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard on the repository and database that no test changes."""
    with serve(seeded, tmp_path_factory.mktemp("server") / "log") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without it, these tests are skipped (which CI forbids)."""
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists():
        pytest.skip(ABSENT)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A tab, and what went wrong in it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, url: str, text: str) -> None:
        """Go to a page and wait until it shows a heading and is at rest."""
        self.page.goto(url)
        self.page.get_by_role("heading", name=text, exact=True).first.wait_for(timeout=60_000)
        self.rest()

    def rest(self) -> None:
        """Wait until the script is at rest, twice: a click starts it a moment later."""
        for _ in range(2):
            self.page.wait_for_timeout(250)
            self.at_rest()

    def at_rest(self) -> None:
        """Wait until the script is at rest."""
        self.page.wait_for_selector(
            "[data-testid=stApp][data-test-script-state=notRunning]", state="attached", timeout=60_000
        )

    def leave(self) -> None:
        """Leave the page, before the test ends its server: the page would miss it aloud."""
        self.page.goto("about:blank")

    def sees(self, *texts: str) -> None:
        """Wait until each text stands on the page."""
        main = self.page.locator("[data-testid=stMain]")
        for text in texts:
            main.get_by_text(text).first.wait_for(timeout=30_000)


@contextmanager
def watched(browser: Browser) -> Iterator[Visit]:
    """A new tab that keeps what goes wrong in it, in a context of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 1400}, locale="en-US", timezone_id="UTC")
    found = Visit(context.new_page())

    def heard(message: object) -> None:
        if getattr(message, "type", "") == "error":
            found.errors.append(getattr(message, "text", ""))

    found.page.on("console", heard)
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    found.page.on("request", lambda request: found.hosts.add(request.url.split("/")[2].split(":")[0]))
    yield found
    context.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A new tab; at the end there must have been no error in its console, and no request that left the machine."""
    with watched(browser) as found:
        yield found
    assert found.errors == []
    assert found.hosts - {"", "127.0.0.1"} == set()
