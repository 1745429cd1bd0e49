"""Our name for a model that a provider or gateway names: exactly, by alias, or without the date of its version."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from metering.book.ratebook import RateBook

_DATE = re.compile(r"[-@](20[0-9]{2}-?[01][0-9]-?[0-3][0-9])$")


class Names:
    """Finds our models; `given` are names of theirs with the `provider/model` or alias that they stand for."""

    def __init__(self, book: RateBook, given: Mapping[str, str], provider: str | None) -> None:
        self._book = book
        self._given = {theirs: book.find_model(None, name).key for theirs, name in given.items()}
        self._provider = provider
        self._providers = {owner for owner, _ in book.entries}
        self._by_name: dict[str, set[str]] = defaultdict(set)
        for (_, name), entry in book.entries.items():
            self._by_name[name].add(entry.model.key)
        self._found: dict[tuple[str | None, str], str | None] = {}
        self.assumed: dict[str, str] = {}
        """Names that were found without the date of their version."""

    def find(self, provider: str | None, name: str) -> str | None:
        """`provider/model` of ours, or None when it is none of our models."""
        asked = (provider, name)
        if asked not in self._found:
            self._found[asked] = self._given.get(name) or self._look(provider, name)
        return self._found[asked]

    def _look(self, provider: str | None, name: str) -> str | None:
        owner = self._provider or (provider if provider in self._providers else None)
        exact = self._named(owner, name)
        if exact is not None:
            return exact
        undated = _DATE.sub("", name)
        found = self._named(owner, undated) if undated != name else None
        if found is not None:
            self.assumed[name] = found
        return found

    def _named(self, provider: str | None, name: str) -> str | None:
        entry = self._book.find(provider, name)
        if entry is not None:
            return entry.model.key
        if provider is None:
            # A gateway's word for a provider need not be ours: the name counts when it can mean one model only.
            keys = self._by_name.get(name) or self._by_name.get(name.rpartition("/")[2], set())
            return next(iter(keys)) if len(keys) == 1 else None
        return None


__all__ = ["Names"]
