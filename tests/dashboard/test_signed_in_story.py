"""The whole story behind a real OpenID provider: sign in, propose, apply, charge, explain, roll back; then others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from metering.meter import Meter
from metering.receipts import Receipt
from metering.usage import Usage
from schema.database import reading
from schema.tables import audit_log
from tests.dashboard.conftest import Visit, free_port, serve
from tests.dashboard.seeding import Seeded, git, seed

ADMIN = {"sub": "admin", "name": "Margin Desk", "email": "Prices@example.com", "email_verified": True}
VIEWER = {"sub": "viewer", "name": "Help Desk", "email": "help@example.com", "email_verified": True}
LOOKALIKE = {"sub": "lookalike", "name": "Books", "email": "boo\u212as@example.com", "email_verified": True}
UNVERIFIED = {"sub": "unverified", "name": "Price Desk", "email": "prices@example.com", "email_verified": False}
STYLES = "cdn.jsdelivr.net"
CALL = {"input": 1_000, "output": 500}


@contextmanager
def _provider(log: Path) -> Iterator[str]:
    """The address of an OpenID provider that knows four people."""
    port = free_port()
    everyone = (ADMIN, VIEWER, LOOKALIKE, UNVERIFIED)
    people = [argument for person in everyone for argument in ("--user-claims", json.dumps(person))]
    program = Path(sys.executable).parent / "oidc-provider-mock"
    with log.open("wb") as output:
        process = subprocess.Popen([str(program), f"--port={port}", *people], stdout=output, stderr=output)
        try:
            address = f"http://127.0.0.1:{port}"
            until = time.monotonic() + 30
            while True:
                try:
                    with urllib.request.urlopen(f"{address}/.well-known/openid-configuration", timeout=2):
                        break
                except OSError:
                    assert time.monotonic() < until, log.read_text()
                    time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


def _sign_in(visit: Visit, person: dict[str, object], heading: str) -> None:
    page = visit.page
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=str(person["sub"]), exact=True).click()
    page.get_by_role("heading", name=heading, exact=True).first.wait_for(timeout=60_000)
    visit.rest()


def _sign_out(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.get_by_role("heading", name="End Session").wait_for()
    visit.page.locator("form button").first.click()
    visit.page.get_by_role("heading", name="Sign in to see the rate card").wait_for(timeout=60_000)
    visit.rest()


def _ratecard(seeded: Seeded, *words: str) -> str:
    program = str(Path(sys.executable).parent / "ratecard")
    env = os.environ | {"RATECARD_DATABASE_URL": seeded.url}
    done = subprocess.run([program, *words], cwd=seeded.repository, env=env, capture_output=True, text=True, check=True)
    return done.stdout


def _record(seeded: Seeded, event_id: str) -> Receipt:
    with Meter.open(seeded.url) as meter:
        return meter.record(Usage(event_id=event_id, account="acct-0001", model="openai/gpt-4o", units=CALL))


def _visit_by_navigation(visit: Visit, group: str, title: str) -> None:
    """Another page of the same session, as its draft lives there."""
    visit.page.get_by_test_id("stTopNavSection").filter(has_text=group).click()
    visit.page.get_by_test_id("stTopNavDropdownLink").filter(has_text=title).click()
    visit.page.get_by_role("heading", name=title, exact=True).first.wait_for(timeout=60_000)
    visit.rest()


def _merge_and_apply(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Merge and apply").click()
    page.get_by_text("The plan").wait_for()
    page.get_by_role("button", name="Yes, merge and apply").click()
    page.get_by_text("applied as release").wait_for()
    visit.sees("No proposals wait")


def test_the_whole_story_of_a_margin_and_a_fee_behind_a_sign_in(tmp_path: Path, visit: Visit) -> None:
    seeded = seed(tmp_path)
    page = visit.page
    # The provider's own page asks for a style sheet from elsewhere.
    page.route(f"https://{STYLES}/**", lambda route: route.fulfill(body="", content_type="text/css"))
    with _provider(tmp_path / "provider.log") as provider, serve(seeded, tmp_path / "log", provider) as server:
        visit.open(f"{server.url}/pricing?model=openai%2Fgpt-4o", "Sign in to see the rate card")
        _sign_in(visit, ADMIN, "Overview")
        visit.sees(str(ADMIN["name"]))
        visit.open(f"{server.url}/pricing?model=openai%2Fgpt-4o", "Pricing")
        margin = page.get_by_label("Margin", exact=True)
        margin.fill("2.8")
        margin.press("Enter")
        page.get_by_text("$0.021", exact=True).wait_for()
        page.get_by_role("button", name="Add to the draft").click()
        page.get_by_text("1 price edited").or_(page.get_by_text("Draft (1)")).first.wait_for()
        _visit_by_navigation(visit, "Configuration", "Plans")
        page.get_by_role("combobox", name="Plan").fill("pro")
        page.get_by_role("option", name="pro", exact=True).click()
        visit.rest()
        fee = page.get_by_role("textbox", name="Monthly fee")
        fee.fill("25")
        fee.press("Enter")
        visit.rest()
        page.get_by_role("button", name="Add to the draft").click()
        visit.rest()
        _visit_by_navigation(visit, "Configuration", "Draft")
        page.get_by_role("button", name="Show the money impact").click()
        visit.sees("Money impact", "1 price, 1 plan edited")
        page.get_by_role("textbox", name="Title of the commit").fill("Raise GPT-4o and Pro")
        page.get_by_role("textbox", name="Title of the commit").press("Enter")
        visit.rest()
        page.get_by_role("button", name="Propose").click()
        page.get_by_text("Proposed as commit").wait_for()

        branch = git(seeded.repository, "branch", "--list", "ratecard/*", "--format=%(refname:short)")
        assert branch == "ratecard/raise-gpt-4o-and-pro"
        assert git(seeded.repository, "log", "-1", "--format=%an <%ae>", branch) == "Margin Desk <Prices@example.com>"
        changed = git(seeded.repository, "diff", "--name-only", "main", branch).splitlines()
        assert changed == ["config/plans.yaml", "config/pricing/openai.yaml"]

        page.get_by_text("Review and merge it").click()
        page.get_by_role("heading", name="Proposals", exact=True).wait_for()
        _merge_and_apply(visit)

        with reading(seeded.engine()) as connection:
            query = select(audit_log.c.actor, audit_log.c.action, audit_log.c.address).order_by(audit_log.c.id.desc())
            assert connection.execute(query).first() == ("Margin Desk <Prices@example.com>", "apply", "127.0.0.1")
        charged = _record(seeded, "dearer")
        assert charged.charge == Decimal("0.021")
        assert charged.release.commit == git(seeded.repository, "rev-parse", "main")
        told = json.loads(_ratecard(seeded, "explain", "dearer", "--format", "json"))
        written = told["charge"]["written"]
        assert (told["charge"]["charge_usd"], told["charge"]["margin"]) == ("0.021", "2.8")
        assert written["author"] == "Margin Desk <Prices@example.com>"

        _ratecard(seeded, "rollback", "1", "--title", "Take the margin back")
        visit.open(f"{server.url}/proposals", "Proposals")
        _merge_and_apply(visit)
        assert _record(seeded, "as before").charge == Decimal("0.01125")

        _sign_out(visit)
        _sign_in(visit, VIEWER, "Overview")
        visit.open(f"{server.url}/pricing?model=openai%2Fgpt-4o", "Pricing")
        margin.fill("9")
        margin.press("Enter")
        visit.rest()
        assert page.get_by_role("button", name="Propose").is_disabled()
        before = git(seeded.repository, "for-each-ref")
        for person, heading in (
            (LOOKALIKE, "You have no access yet"),
            (UNVERIFIED, "Your address is not known for certain"),
        ):
            _sign_out(visit)
            _sign_in(visit, person, heading)
            assert page.get_by_test_id("stMain").get_by_role("button").count() == 1, "only to sign out"
        visit.leave()
    assert git(seeded.repository, "for-each-ref") == before
    visit.hosts.discard(STYLES)
