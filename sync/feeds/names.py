"""Names of providers and models: what feeds call them, and what we do.

Feeds and registries spell the same provider in several ways (`aws`, `bedrock`, `amazon`); they meet in one name. Models
meet by their own name first, then by an alias that carries a version, then without the date at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

_SYNONYMS = {
    "amazon_bedrock": "amazon",
    "aws": "amazon",
    "bedrock": "amazon",
    "bedrock_converse": "amazon",
    "black_forest_labs": "bfl",
    "claude": "anthropic",
    "codestral": "mistral",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks",
    "gemini": "google",
    "kimi": "moonshotai",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "palm": "google",
    "text-completion-codestral": "mistral",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex": "google",
    "vertex_ai": "google",
    "voyage": "voyageai",
    "x-ai": "xai",
    "x_ai": "xai",
}
_VERTEX = "vertex_ai-"
_DATE = re.compile(r"[-@](latest|[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2})$")


def canonical_provider(name: str) -> str:
    """The one name under which the spellings of a provider meet."""
    lower = name.lower()
    return "google" if lower.startswith(_VERTEX) else _SYNONYMS.get(lower, lower)


def undated(name: str) -> str:
    """A model's name in small letters without the date or `latest` at its end."""
    return _DATE.sub("", name.lower())


def versioned(aliases: Iterable[str]) -> Iterator[str]:
    """The aliases that carry a number: `gemini-pro` has meant other models before, `gpt-4o-2024-08-06` has not."""
    return (alias for alias in aliases if any(character.isdigit() for character in alias))


def forms(name: str, aliases: Sequence[str] = ()) -> list[tuple[str, bool]]:
    """What a model of ours may be called in a feed, the surest first; True where the feed's name may bear a date."""
    known = [name, *versioned(aliases)]
    exact = [(one.lower(), False) for one in known]
    return [*exact, *((undated(one), True) for one in known)]


def find_name(name: str, aliases: Sequence[str], exact: Mapping[str, str], dated: Mapping[str, str]) -> str | None:
    """What `exact` or `dated` hold for the surest form of a name that they know.

    Both are keyed by names in small letters: `exact` as the feed writes them, `dated` without their dates.
    """
    for form, loose in forms(name, aliases):
        if form in exact:
            return exact[form]
        if loose and form in dated:
            return dated[form]
    return None
