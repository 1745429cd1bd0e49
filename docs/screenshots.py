"""Takes the screenshots of the docs from the running demo: `make screenshots`.

The demo runs in a clone of its own with a neutral identity, so that pictures do not show who took them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

TOP = Path(__file__).resolve().parents[1]
IMAGES = TOP / "docs" / "images"
CHROMIUM = os.environ.get("RATECARD_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
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
    ("accounts", "accounts", "light"),
    ("releases", "releases", "light"),
)
"""File, address and colour scheme."""


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
        ratecard = Path(sys.executable).parent / "ratecard"
        demo = subprocess.Popen([str(ratecard), "demo", f"--port={PORT}"], cwd=clone)
        try:
            _wait(f"http://127.0.0.1:{PORT}/_stcore/health")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for name, address, scheme in SHOTS:
                    _take(browser, f"http://127.0.0.1:{PORT}/{address}", scheme, IMAGES / f"{name}.png")
                browser.close()
        finally:
            demo.terminate()
            demo.wait(timeout=20)


def _wait(address: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the demo did not start")


def _take(browser: Browser, address: str, scheme: str, file: Path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 1060}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.get_by_role("heading").first.wait_for(timeout=60_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_timeout(2_500)
    page.screenshot(path=str(file))
    context.close()
    print(f"{file.relative_to(TOP)}  {file.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
