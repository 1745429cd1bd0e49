"""The OpenAPI document: what the running API serves at `/openapi.json`, and `docs/openapi.json` holds."""

from __future__ import annotations

import json
from typing import Any

from metering.api.app import bare_app
from metering.api.metrics import Metrics


def document() -> dict[str, Any]:
    """The document, without a database."""
    return bare_app(Metrics()).openapi()


def document_text() -> str:
    """The same as text, as it is committed."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


__all__ = ["document", "document_text"]
