"""The Chromium that opens the dashboard, for the tests, the benchmark and the screenshots."""

from __future__ import annotations

import os
import shutil

CHROMIUM = os.environ.get("RATECARD_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
_WITHOUT = (
    # A window's own address bar costs more than a page of ours: each new one would load a list of suggestions.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    # What Playwright switches off, which this list replaces.
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(_WITHOUT)}",
]
"""No request of its own, no sandbox (which root may not have), and nothing that a page does not need."""
ABSENT = "Chromium is not installed: `apt-get install chromium`, or name it with RATECARD_CHROMIUM"

__all__ = ["ABSENT", "CHROMIUM", "FLAGS"]
