"""The quota widget: how an account stands with its limits, as JSON and as a page that other pages embed.

The page itself holds nothing of anybody: its script takes a key from the part of its address that browsers keep to
themselves (`#key=rk_…`), and asks for the JSON with it.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from metering.api.access import caller_of, router
from metering.api.checks import QuotaAnswer
from metering.api.fields import Answer
from metering.meter import Meter

routes = router("read", tag="quota")
pages = APIRouter(tags=["quota"])

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


class OverviewAnswer(Answer):
    """How the account stands with the quotas of its plan."""

    account: str
    status: str = Field(description="active or suspended.")
    plan: str | None
    plan_name: str | None
    overage: Literal["block", "soft", "grace", "observe"]
    state: Literal["ok", "warning", "upgrade", "over", "blocked"] = Field(description="Of the quota used furthest.")
    quotas: list[QuotaAnswer]
    requests_today: int
    requests_per_day: int | None = Field(description="Null when there is no limit.")
    period: str = Field(description="The UTC month that counts.", examples=["2026-11"])
    resets_at: str
    days_to_reset: int


@routes.get("/v1/quota")
def quota(request: Request) -> OverviewAnswer:
    """Used and limit of each quota, requests today, and days to the reset of the month."""
    meter: Meter = request.app.state.meter
    return OverviewAnswer.model_validate(meter.quotas.state(caller_of(request).account).as_json())


@pages.get("/widget", response_class=HTMLResponse)
async def widget() -> HTMLResponse:
    """A page to embed: `<iframe src="https://…/widget#key=rk_…">`, with a key of scope read."""
    page, policy = _page()
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})


@cache
def _page() -> tuple[str, str]:
    """The page, and the policy that lets it run its own script and style and speak to its own server alone."""
    page = files("metering.api").joinpath("widget.html").read_text(encoding="utf-8")
    allowed: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(page):
        allowed[kind].append(f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")
    policy = (
        f"default-src 'none'; connect-src 'self'; script-src {' '.join(allowed['script'])};"
        f" style-src {' '.join(allowed['style'])}; base-uri 'none'; form-action 'none'; frame-ancestors *"
    )
    return page, policy


__all__ = ["pages", "routes"]
