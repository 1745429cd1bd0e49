"""Who sits at the dashboard, and what they may do.

Roles come from the access table of the current release and from the variable RATECARD_ADMINS, compared without case and
read again on every run, so that a demotion bites at once. Two modes:

- signed in: `[auth]` stands in Streamlit's secrets; the person is who the provider says.
- local: no sign-in; the person is git's identity of the clone. The server must be bound to this machine. Someone whom
  no document names is admin only while the policy lets the clone's own dashboard merge (`local_merges`), for such a
  clone and its database are theirs anyway; else viewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

import streamlit as st
from sqlalchemy import Connection, select

from schema.errors import RatecardError
from schema.tables import CONFIG_TABLES

Role = Literal["viewer", "analyst", "admin"]
Mode = Literal["local", "signed in"]
ROLES: tuple[Role, ...] = ("viewer", "analyst", "admin")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LONGEST_NAME = 100


class AccessDeniedError(RatecardError):
    """The person's role does not allow what they asked for."""

    code = "ACCESS_DENIED"


@dataclass(frozen=True, slots=True)
class CurrentPerson:
    """The person of this session. `email` is empty when nobody is known; such a person can write nothing."""

    name: str
    email: str
    role: Role
    mode: Mode

    def may(self, role: Role) -> bool:
        """Whether the person has the role or a higher one."""
        return ROLES.index(self.role) >= ROLES.index(role)


def listed_roles(connection: Connection) -> dict[str, Role]:
    """Roles by address in lower case, as the current release says."""
    table = CONFIG_TABLES["access"].table
    current = select(table.c.person, table.c.role).where(table.c.retired_release.is_(None))
    return {person.lower(): role for person, role in connection.execute(current)}


def role_of(
    email: str, listed: Mapping[str, Role], admins: tuple[str, ...], *, mode: Mode, local_merges: bool
) -> Role | None:
    """The role of an address, or None for a person who may not see the dashboard at all (only when signed in)."""
    address = _folded(email)
    if address and address in admins:
        return "admin"
    if address in listed:
        return listed[address]
    if mode == "signed in":
        return None
    return "admin" if address and local_merges else "viewer"


def _folded(email: str) -> str:
    """An address without case."""
    # The Kelvin sign has a k for its lower case, but it is a letter of another mailbox.
    return "".join(letter if letter.lower().isascii() and not letter.isascii() else letter.lower() for letter in email)


def sign_in_configured() -> bool:
    """Whether Streamlit's secrets hold an `[auth]` section."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def address_fault(email: str, verified: object) -> str | None:
    """Why an address that a provider tells must not be believed: roles go by it, and some let people type any.

    `verified` is the claim `email_verified`; a provider that leaves it out vouches for the addresses that it gives.
    """
    if not email:
        return "Your provider gave no address (the claim `email`), by which roles go. Ask for the scope `email`."
    if verified is not None and str(verified).lower() != "true":
        return f"Your provider has not verified that {email} is yours. Verify it there, then sign in again."
    return None


def shown_name(claimed: object, email: str) -> str:
    """The name that a provider tells, as it stands before the address in commits and the audit log.

    People may write what they like there: it must not look like somebody else's address, nor turn the text around.
    """
    kept = "".join(letter for letter in str(claimed or "") if letter.isprintable() and letter not in "<>")
    return kept.strip()[:_LONGEST_NAME] or email


def came_from(peer: str | None, forwarded: Sequence[str]) -> str:
    """The network address of a request for the audit log; a `peer` of None is this machine.

    `forwarded` are the headers X-Forwarded-For. Only a proxy of this machine is believed, and only what it saw itself,
    which it writes last.
    """
    if peer is not None:
        return peer
    last = ",".join(forwarded).rpartition(",")[2].partition("%")[0].strip()
    try:
        return str(ip_address(last))
    except ValueError:
        return "127.0.0.1"


def local_fault(address: str | None, host: str | None) -> str | None:
    """Why local mode must not run here: the server's bind address, or a page asked for under a foreign name.

    The second stops a page of the web that has its own name resolve to this machine.
    """
    if address not in _LOOPBACK:
        return (
            "Without sign-in the dashboard answers this machine only, but the server is bound to "
            f"{address or 'every address'}. Start it with --server.address=127.0.0.1, or configure [auth] in "
            ".streamlit/secrets.toml."
        )
    name = urlsplit(f"//{host or 'localhost'}").hostname
    if name not in _LOOPBACK:
        return "Without sign-in the dashboard is served to this machine only: open it as http://localhost."
    return None


def demand(person: CurrentPerson, role: Role, what: str) -> None:
    """Raise AccessDeniedError unless the person has the role; `what` says what they wanted to do."""
    if not person.may(role):
        raise AccessDeniedError(f"Your role is {person.role}; to {what} it must be {role}.")
    if role == "admin" and not person.email:
        raise AccessDeniedError(
            f"To {what}, git must know you: set `git config user.name` and `git config user.email` in this clone."
        )
