"""Which feed is meant: the name of an installed list, or a file whose form tells what it is."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from sync.errors import SyncError, UsageError
from sync.feeds import genai_prices, litellm
from sync.feeds.listing import Feed

INSTALLED = {genai_prices.PACKAGE: genai_prices.read_package, litellm.PACKAGE: litellm.read_package}
MAX_BYTES = 64 * 2**20
FORMS = "LiteLLM's model_prices_and_context_window.json and genai-prices' data.json"


def read_feed(origin: str) -> Feed:
    """The feed of that name, else of that file. Raises UsageError when there is neither, SyncError for a bad file."""
    if origin in INSTALLED:
        return INSTALLED[origin]()
    path = Path(origin)
    if not path.is_file():
        raise UsageError(f"--from: '{origin}' is neither genai-prices nor litellm nor a file")
    document = read_json(path)
    if _is_genai_prices(document):
        return genai_prices.read_document(document, path.name, "")
    if _is_litellm(document):
        return litellm.read_document(document, path.name, "")
    raise SyncError(f"{origin} is no list of prices that is known here; known are {FORMS}")


def read_json(path: Path) -> Any:
    """A file of JSON with its numbers as exact decimals. Raises SyncError when it cannot be read."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise SyncError(f"{path} has {size:,} bytes; a list of prices has at most {MAX_BYTES:,}")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SyncError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SyncError(f"{path} is not UTF-8: byte {error.start + 1} cannot be read") from None
    try:
        # Text stands for what JSON calls a number and is none (NaN): readers refuse it like any other text.
        return json.loads(text, parse_float=Decimal, parse_int=_whole, parse_constant=str)
    except json.JSONDecodeError as error:
        raise SyncError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise SyncError(f"{path} is nested too deeply") from None


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 19 else Decimal(digits)


def _is_genai_prices(document: Any) -> bool:
    return isinstance(document, list) and any(
        isinstance(part, dict) and isinstance(part.get("models"), list) and "id" in part for part in document
    )


def _is_litellm(document: Any) -> bool:
    return isinstance(document, dict) and any(
        isinstance(entry, dict) and isinstance(entry.get("litellm_provider"), str) for entry in document.values()
    )
