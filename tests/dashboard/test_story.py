"""The story: a margin changes on the Pricing page, and the next call is charged by the commit that it became."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from metering.meter import Meter
from metering.usage import Usage
from tests.dashboard.conftest import Visit, serve
from tests.dashboard.seeding import PERSON, git, seed


def test_a_margin_becomes_a_commit_and_a_charge(tmp_path: Path, visit: Visit) -> None:
    seeded = seed(tmp_path)
    page = visit.page
    with serve(seeded, tmp_path / "log") as server:
        visit.open(f"{server.url}/pricing?model=openai%2Fgpt-4o", "Pricing")
        margin = page.get_by_label("Margin", exact=True)
        margin.wait_for()
        # 1,000 x 2.50 + 500 x 10.00 USD per million, times 1.5.
        visit.sees("$0.01125")

        margin.fill("2.8")
        margin.press("Enter")
        page.get_by_text("$0.021", exact=True).wait_for()
        page.get_by_text("was $0.01125").wait_for()
        page.get_by_role("button", name="Propose").click()
        page.get_by_text("Proposed as commit").wait_for()

        branch = git(seeded.repository, "branch", "--list", "ratecard/*", "--format=%(refname:short)")
        assert branch == "ratecard/set-the-margin-of-gpt-4o-to-2-8"
        assert git(seeded.repository, "log", "-1", "--format=%an <%ae>", branch) == f"{PERSON[0]} <{PERSON[1]}>"
        assert git(seeded.repository, "status", "--porcelain") == ""

        page.get_by_text("Review and merge it").click()
        page.get_by_role("heading", name="Proposals", exact=True).wait_for()
        page.get_by_text("Merges cleanly").wait_for()
        page.get_by_role("button", name="Merge and apply").click()
        page.get_by_text("The plan").wait_for()
        page.get_by_role("button", name="Yes, merge and apply").click()
        page.get_by_text("applied as release").wait_for()
        visit.sees("No proposals wait")
        visit.leave()

    head = git(seeded.repository, "rev-parse", "main")
    with Meter.open(seeded.url) as meter:
        usage = Usage(
            event_id="next", account="acct-0001", model="openai/gpt-4o", units={"input": 1_000, "output": 500}
        )
        receipt = meter.record(usage)
    assert receipt.charge == Decimal("0.021")
    assert receipt.release.commit == head
    assert git(seeded.repository, "show", f"{head}:config/pricing/openai.yaml").count("margin: 2.8") == 1
    assert git(seeded.repository, "status", "--porcelain") == ""
