"""The quota widget in a real browser: what people see, and what the page may do."""

from __future__ import annotations

import re
import subprocess
from html import unescape
from pathlib import Path

import pytest

from tests.chromium import ABSENT, CHROMIUM, FLAGS
from tests.metering.api.conftest import Api, change_plan

LIMITS = {"tokens_per_month": 50_000, "requests_per_day": 20}


def test_the_page_holds_nothing_of_anybody_and_may_speak_to_its_own_server_alone(lite: Api) -> None:
    page = lite.get("/widget", key=None)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text == lite.get("/widget").text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; connect-src 'self'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert re.findall(r'(?:src|href)="|https?://|innerHTML|insertAdjacentHTML', page.text) == []


@pytest.mark.parametrize(
    ("tokens", "state", "notice"),
    [
        (12_500, "ok", None),
        (40_000, "warning", "Tokens this month: 80 % of the limit or more is used."),
        (47_500, "upgrade", "Tokens this month: 95 % of the limit or more is used; a greater plan goes further."),
        (50_000, "blocked", "Tokens this month: the limit is reached; calls are refused until it resets."),
    ],
)
def test_people_see_their_limits(lite: Api, tmp_path: Path, tokens: int, state: str, notice: str | None) -> None:
    run_units = 5_000 if state == "ok" else None
    change_plan(lite, "free", limits={**LIMITS, "run_units_per_month": run_units}, name="<b>Free & easy</b>")
    lite.post("/v1/events", {"event_id": "e", "model": "small", "units": {"input": tokens}})
    page = _shown(f"{lite.url}/widget#key={lite.keys['read']}", tmp_path)
    assert f'data-state="{state}"' in page
    text = unescape(re.sub(r"<[^>]+>", "|", page.partition("<main")[2].partition("</main>")[0]))
    assert "<b>Free & easy</b>" in text, "a name is text, never markup"
    assert "resets in 16 days" in text
    for line in (
        f"Tokens this month|{tokens:,} of 50,000 ({tokens // 500} %)",
        "Requests today|1 of 20 (5 %)",
        "Run units this month|0 of 5,000 (0 %)" if run_units else "Run units this month|0, no limit",
    ):
        assert line in re.sub(r"\|+", "|", text)
    assert [f"width: {width}%" in page for width in (tokens // 500, 5)] == [True, True]
    assert (notice in text) if notice else ("of the limit" not in text)


def test_without_a_valid_key_it_says_so(lite: Api, tmp_path: Path) -> None:
    assert "Sign in again to see usage and limits." in _shown(f"{lite.url}/widget#key=rk_a_b", tmp_path)


def _shown(url: str, folder: Path) -> str:
    """The page as Chromium has it once its script has run."""
    if not Path(CHROMIUM).exists():
        pytest.skip(ABSENT)
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [CHROMIUM, *FLAGS, profile, "--virtual-time-budget=5000", "--dump-dom", url],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.partition("<script>")[0]
