"""The keys of a LiteLLM proxy over HTTP, by its `/key` endpoints. Amounts pass as JSON numbers, read exactly.

The master key goes to the address that settings name and nowhere else: redirects are no answer.
Source: https://docs.litellm.ai/docs/proxy/virtual_keys
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

from metering.errors import ProxyError

TIMEOUT_SECONDS = 10
PAGE = 100
_MOST_PAGES = 10_000
_LONGEST_ANSWER = 10_000_000


class Proxy:
    """The management of keys at one proxy."""

    def __init__(self, url: str, master_key: str) -> None:
        """Raises ProxyError for what is no http(s) address, or no key that a header can carry."""
        try:
            parts = urlsplit(url)
            fit = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            fit = False
        if not fit or not url.isascii() or not url.isprintable():
            raise ProxyError("settings.litellm.url is no http(s) address")
        if not master_key.isascii() or not master_key.isprintable():
            raise ProxyError("the master key of the proxy holds characters that no header can carry")
        self._parts = parts
        self._headers = {"Authorization": f"Bearer {master_key}", "Content-Type": "application/json"}

    def keys(self) -> dict[str, dict[str, Any]]:
        """The keys that have an alias, by alias; each tells its `token`. Raises ProxyError."""
        found: dict[str, dict[str, Any]] = {}
        for page in range(1, _MOST_PAGES):
            # Not asked for by alias: what that finds is not the same in all versions.
            query = {"page": page, "size": PAGE, "return_full_object": "true"}
            told = self._ask("GET", f"/key/list?{urlencode(query)}")
            rows = told.get("keys")
            if not isinstance(rows, list):
                raise ProxyError("the proxy listed no keys")
            found |= {row["key_alias"]: row for row in rows if isinstance(row, dict) and _is_named(row)}
            if page >= (told.get("total_pages") or 1):
                return found
        raise ProxyError("the proxy lists keys without end")

    def create(self, alias: str, fields: Mapping[str, Any]) -> str:
        """Make a key; returns it. Raises ProxyError."""
        key = self._ask("POST", "/key/generate", {"key_alias": alias, **fields}).get("key")
        if not isinstance(key, str):
            raise ProxyError("the proxy made a key and did not tell it")
        return key

    def change(self, token: str, fields: Mapping[str, Any]) -> None:
        """Change those fields of a key, and no other. Raises ProxyError."""
        self._ask("POST", "/key/update", {"key": token, **fields})

    def delete(self, token: str) -> None:
        """Delete a key. Raises ProxyError."""
        self._ask("POST", "/key/delete", {"keys": [token]})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        secure = self._parts.scheme == "https"
        make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = make(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_SECONDS)
        sent = None if body is None else json.dumps(body, default=_number)
        try:
            connection.request(method, self._parts.path.rstrip("/") + path, sent, self._headers)
            answer = connection.getresponse()
            text = answer.read(_LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ProxyError(f"the LiteLLM proxy cannot be reached: {reason}") from error
        finally:
            connection.close()
        where = path.partition("?")[0]
        if answer.status != http.client.OK:
            raise ProxyError(f"the LiteLLM proxy answered HTTP {answer.status} to {where}{_why(text)}")
        try:
            told = json.loads(text, parse_float=Decimal)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise ProxyError(f"the LiteLLM proxy answered no JSON object to {where}")
        return told


def proxy_of(settings: Mapping[str, Any]) -> tuple[Proxy, str]:
    """The proxy that settings name, and what the aliases of its keys begin with.

    Raises ProxyError when they name none, or the variable of its master key is not set.
    """
    named = settings["litellm"]
    if not named:
        raise ProxyError("settings.litellm names no proxy")
    variable = named["master_key_env"]
    master_key = os.environ.get(variable, "").strip()
    if not master_key:
        raise ProxyError(f"the variable {variable}, which settings.litellm names, is not set")
    return Proxy(named["url"], master_key), named.get("key_prefix", "ratecard")


def _is_named(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("key_alias"), str) and isinstance(row.get("token"), str)


def _number(value: Decimal) -> float | int:
    """JSON has no decimals of its own: the shortest text of the float is that of the decimal."""
    return int(value) if value == value.to_integral_value() else float(value)


def _why(text: bytes) -> str:
    """What an error of the proxy says, in one line."""
    try:
        message = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {' '.join(str(message).split())[:200]}"


__all__ = ["PAGE", "TIMEOUT_SECONDS", "Proxy", "proxy_of"]
