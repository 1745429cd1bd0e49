"""Bringing the keys of a proxy to what subscriptions ask for: made, changed, deleted, each by one request.

Nothing is kept here: the proxy is asked which keys it has, so that a run that was interrupted, or a key that somebody
changed there, is put right by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from metering.book.ratebook import RateBook
from metering.errors import ProxyError
from metering.runtime import Runtime
from metering.virtual_keys.proxy import Proxy, proxy_of
from metering.virtual_keys.terms import Terms, alias_of, is_ours, terms_of
from schema.tables import accounts, subscriptions

Action = Literal["create", "change", "delete"]

MOST_DELETED_PERCENT = 30
"""How much of its keys a run deletes at most, though always one; more looks like another database."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a key needs. `account` is None for a key that no account asks for any more."""

    action: Action
    alias: str
    account: str | None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What is set, by LiteLLM's names."""
    token: str | None = None
    """By what the proxy knows a key that it has."""
    key: str | None = None
    """The key itself, when it was made just now: nobody can show it again."""


@dataclass(slots=True)
class Matched:
    """What a run did, or would do."""

    changes: list[Change]
    unchanged: int
    fault: str | None = None
    """Why it stopped; the next run goes on."""


def match(runtime: Runtime, *, dry_run: bool = False, force: bool = False) -> Matched:
    """Have the proxy that settings name hold a key for each subscription that runs, and none beside.

    Raises ProxyError when the proxy cannot be asked, or when more than `MOST_DELETED_PERCENT` of the keys would go and
    nobody says `force`; UnavailableError.
    """
    now = runtime.now()

    def read(connection: Connection) -> tuple[RateBook, dict[str, Terms]]:
        book = runtime.newest(connection, now)
        return book, wanted_terms(connection, book, now)

    book, wanted = runtime.read(read)
    proxy, prefix = proxy_of(book.settings.values)
    found = {alias: key for alias, key in proxy.keys().items() if is_ours(prefix, alias)}
    needed = list(changes(prefix, wanted, found))
    kept = len(found) - sum(one.action != "create" for one in needed)
    if dry_run:
        return Matched(needed, kept)
    gone = sum(one.action == "delete" for one in needed)
    if gone > max(1, len(found) * MOST_DELETED_PERCENT // 100) and not force:
        raise ProxyError(
            f"{gone} of {len(found)} keys would be deleted, which nobody can take back: is this the right database?"
            " Look at it by --dry-run, allow it by --force"
        )
    done = Matched([], kept)
    for one in needed:
        try:
            done.changes.append(_carry_out(proxy, one))
        except ProxyError as error:
            done.fault = f"{one.account or one.alias}: {error}"
            break
    return done


def changes(prefix: str, wanted: Mapping[str, Terms], found: Mapping[str, Mapping[str, Any]]) -> Iterator[Change]:
    """What brings the keys that a proxy has, by alias, to the terms that accounts shall have. Pure.

    What takes away comes first, so that a fault in between leaves nobody with more than they pay for.
    """
    aliases = {alias_of(prefix, account): account for account in sorted(wanted)}
    for alias in sorted(found):
        if alias not in aliases:
            yield Change("delete", alias, None, token=found[alias]["token"])
    for alias, account in aliases.items():
        if alias in found and (differing := wanted[account].differing(found[alias])):
            yield Change("change", alias, account, differing, found[alias]["token"])
    for alias, account in aliases.items():
        if alias not in found:
            yield Change("create", alias, account, wanted[account].as_fields())


def wanted_terms(connection: Connection, book: RateBook, now: datetime) -> dict[str, Terms]:
    """The terms of each account with a subscription that runs, whose plan has a key."""
    table = subscriptions.c
    query = (
        select(accounts.c.account, accounts.c.status, table.plan, table.cancel_at, table.next_plan)
        .join(subscriptions, table.account_id == accounts.c.id)
        .where(table.ended_at.is_(None), accounts.c.status.in_(("active", "suspended")))
    )
    wanted = {}
    for row in connection.execute(query):
        # A planned end that nobody has looked at yet is an end all the same.
        over = row.cancel_at is not None and row.cancel_at <= now
        plan = book.plans.get(row.next_plan if over else row.plan)
        terms = None if plan is None else terms_of(book, plan, row.status, now)
        if terms is not None:
            wanted[row.account] = terms
    return wanted


def _carry_out(proxy: Proxy, one: Change) -> Change:
    if one.action == "create":
        metadata = {"ratecard_account": one.account}
        key = proxy.create(one.alias, {**one.fields, "metadata": metadata})
        return replace(one, key=key)
    if one.token is not None and one.action == "change":
        proxy.change(one.token, one.fields)
    elif one.token is not None:
        proxy.delete(one.token)
    return one


__all__ = ["Action", "Change", "Matched", "changes", "match", "wanted_terms"]
