"""Values that look like keys: they never belong into YAML, and no message repeats them."""

from __future__ import annotations

import re
from collections.abc import Iterator

_KEYS = (
    r"[sr]k_(?:live|test)_[0-9A-Za-z]{8,}"  # Stripe
    r"|whsec_[0-9A-Za-z+/=]{8,}"  # Stripe webhooks
    r"|sk-(?:ant-|proj-|or-)?[0-9A-Za-z_-]{16,}"  # OpenAI, Anthropic, OpenRouter, LiteLLM
    r"|AKIA[0-9A-Z]{12,}"  # AWS
    r"|AIza[0-9A-Za-z_-]{30,}"  # Google
    r"|gh[pousr]_[0-9A-Za-z]{16,}|github_pat_[0-9A-Za-z_]{16,}"
    r"|glpat-[0-9A-Za-z_-]{16,}"
    r"|xox[abprs]-[0-9A-Za-z-]{8,}"  # Slack
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_NAMED = (
    r"(?i:secret|password|passwd|api_?key|token|master_key|credential)[a-z_]*['\"]?[ \t]*:[ \t]*['\"]?"
    r"(?P<value>(?=[^\s'\"]*\d)(?=[^\s'\"]*[A-Za-z])[0-9A-Za-z+/=_.-]{20,})"
)
# Looking for these first is much faster than the expressions, and most files hold none.
_BEGINNINGS = ("k_live_", "k_test_", "whsec_", "sk-", "AKIA", "AIza", "gh", "glpat-", "xox", "PRIVATE KEY")
_NAMES = ("secret", "passw", "api_key", "apikey", "token", "master_key", "credential")

_SECRET = re.compile(rf"(?<![0-9A-Za-z_-])(?P<key>{_KEYS})")
_NAMED_SECRET = re.compile(_NAMED)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_SHOWN_LENGTH = 60


def find_secrets(text: str) -> Iterator[int]:
    """Where (offset) in `text` a value begins that looks like a key: by its own form, or by its name and randomness."""
    found: set[int] = set()
    if any(beginning in text for beginning in _BEGINNINGS):
        found.update(match.start("key") for match in _SECRET.finditer(text))
    lowered = text.lower()
    if any(name in lowered for name in _NAMES):
        for match in _NAMED_SECRET.finditer(text):
            if not _VARIABLE.fullmatch(match["value"]):
                found.add(match.start("value"))
    return iter(sorted(found))


def conceal(value: object) -> str:
    """A value as messages quote it: shortened, and only its first characters when it looks like a key."""
    text = str(value)
    if _SECRET.search(text):
        return f"'{text[:3]}…'"
    if len(text) > _SHOWN_LENGTH:
        return f"'{text[:_SHOWN_LENGTH]}…'"
    return f"'{text}'"
