"""Takes the screenshots of the docs from the running demo: `make screenshots`. With names, only those.

The demo runs in a clone of its own with a neutral identity, so that pictures do not show who took them.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.chromium import CHROMIUM, FLAGS

TOP = Path(__file__).resolve().parents[1]
IMAGES = TOP / "docs" / "images"
RATECARD = str(Path(sys.executable).parent / "ratecard")
PORT = 8591
SHOTS = (
    ("overview", "", "light"),
    ("overview-dark", "", "dark"),
    ("usage", "usage", "light"),
    ("profit", "profit", "light"),
    ("revenue", "revenue", "light"),
    ("models", "models", "light"),
    ("pricing", "pricing?model=anthropic%2Fclaude-haiku-4-5", "light"),
    ("routing", "routing?task=extraction", "light"),
    ("plans", "plans", "light"),
    ("features", "features", "light"),
    ("settings", "settings", "light"),
    ("proposals", "proposals", "light"),
    ("releases", "releases?release=2", "light"),
    ("explanation", "releases?event=chat-0001", "light"),
    ("accounts", "accounts", "light"),
    ("account-dark", "accounts?account=acct-0019&section=Wallet", "dark"),
    ("audit", "audit", "light"),
    ("health", "health", "light"),
)
"""File, address and colour scheme."""
DONE = (
    "ratecard propose --set 'price openai/gpt-4o#margin.default=2.2' --title 'Raise the margin of GPT-4o'",
    "git merge --quiet ratecard/raise-the-margin-of-gpt-4o",
    "git branch --quiet --delete ratecard/raise-the-margin-of-gpt-4o",
    "ratecard apply --yes",
    "ratecard account suspend acct-0042 --reason 'card declined, ticket 118'",
    "ratecard account unsuspend acct-0042 --reason 'paid, ticket 118'",
    "ratecard subscription change acct-0014 enterprise --fee 150 --reason 'signed a contract'",
    "ratecard propose --set 'plan pro#price.monthly=21' --title 'Raise Pro to 21 USD'",
)
"""What people have done in the business of the pictures."""
CALL = """\
event_id,occurred_at,account,user,model,task,input,output
chat-0001,{now},acct-0042,user-0042-01,openai/gpt-4o,chat_response,1970,412
"""
"""The call that a picture explains: the first under the new margin."""
LAID_OUT = """() => !document.querySelector("[data-testid=stSkeleton]")
    && document.querySelector("[data-testid=stMainBlockContainer]").getBoundingClientRect().bottom"""
"""Where the page ends, once all of it is drawn."""
HEIGHT = 1060


def main() -> None:
    """Clone, run the demo, take every picture."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "ratecard"
        subprocess.run(["git", "clone", "--quiet", str(TOP), str(clone)], check=True)
        for name, value in (("user.name", "Price Desk"), ("user.email", "prices@example.com")):
            subprocess.run(["git", "config", name, value], cwd=clone, check=True)
        # The release of the pictures is one of the business, not the last change of this repository.
        subprocess.run(
            ["git", "commit", "--quiet", "--allow-empty", "--message=Begin the rate card"], cwd=clone, check=True
        )
        demo = subprocess.Popen([RATECARD, "demo", f"--port={PORT}"], cwd=clone)
        try:
            _wait(f"http://127.0.0.1:{PORT}/_stcore/health")
            for command in DONE:
                _run(command, clone)
            Path(folder, "call.csv").write_text(CALL.format(now=datetime.now(UTC).isoformat()))
            _run("ratecard meter import ../call.csv", clone)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for name, address, scheme in [shot for shot in SHOTS if shot[0] in sys.argv[1:]] or SHOTS:
                    _take(browser, f"http://127.0.0.1:{PORT}/{address}", scheme, IMAGES / f"{name}.png")
                browser.close()
        finally:
            demo.terminate()
            demo.wait(timeout=20)


def _run(command: str, clone: Path) -> None:
    program, *words = shlex.split(command)
    program = RATECARD if program == "ratecard" else program
    subprocess.run([program, *words], cwd=clone, check=True, stdout=subprocess.DEVNULL)


def _wait(address: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the demo did not start")


def _take(browser: Browser, address: str, scheme: str, file: Path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": HEIGHT}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.get_by_role("heading").first.wait_for(timeout=60_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_timeout(2_500)
    end = float(page.wait_for_function(LAID_OUT, timeout=60_000).json_value())
    page.screenshot(path=str(file), clip={"x": 0, "y": 0, "width": 1280, "height": min(end, HEIGHT)})
    context.close()
    print(f"{file.relative_to(TOP)}  {file.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
