"""Who may do what."""

from __future__ import annotations

import pytest

from dashboard.access import (
    AccessDeniedError,
    CurrentPerson,
    Mode,
    Role,
    address_fault,
    came_from,
    demand,
    local_fault,
    role_of,
    shown_name,
)

LISTED: dict[str, Role] = {"desk@example.com": "admin", "books@example.com": "analyst", "help@example.com": "viewer"}
LISTED["j\u00f6rg@example.com"] = "viewer"


@pytest.mark.parametrize(
    ("email", "mode", "merges", "role"),
    [
        ("Desk@Example.com", "signed in", False, "admin"),
        ("books@example.com", "signed in", False, "analyst"),
        ("ROOT@example.com", "signed in", False, "admin"),
        ("nobody@example.com", "signed in", True, None),
        ("", "signed in", True, None),
        ("help@example.com", "local", True, "viewer"),
        ("nobody@example.com", "local", True, "admin"),
        ("nobody@example.com", "local", False, "viewer"),
        ("", "local", True, "viewer"),
        # Others' mailboxes: a Kelvin sign has a k for its lower case, and blanks are a part of what a provider tells.
        ("boo\u212as@example.com", "signed in", False, None),
        ("\u3000desk@example.com", "signed in", False, None),
        ("root@example.com\u00a0", "signed in", False, None),
        ("desk@example.com\n", "signed in", False, None),
        ("J\u00d6RG@example.com", "signed in", False, "viewer"),
    ],
)
def test_roles(email: str, mode: Mode, merges: bool, role: Role | None) -> None:
    assert role_of(email, LISTED, ("root@example.com",), mode=mode, local_merges=merges) == role


@pytest.mark.parametrize("host", [None, "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "localhost", "LOCALHOST:1"])
def test_local_mode_runs_on_this_machine(host: str | None) -> None:
    assert local_fault("127.0.0.1", host) is None


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (None, "localhost:8501"),
        ("0.0.0.0", "localhost:8501"),
        ("192.168.0.4", "localhost:8501"),
        ("127.0.0.1", "evil.example:8501"),
        ("127.0.0.1", "127.0.0.1.evil.example"),
        ("127.0.0.1", "localhost.evil.example:80"),
    ],
)
def test_local_mode_refuses_everything_else(address: str | None, host: str) -> None:
    assert local_fault(address, host) is not None


def test_a_role_includes_the_lower_ones() -> None:
    analyst = CurrentPerson("Books", "books@example.com", "analyst", "signed in")

    demand(analyst, "viewer", "look")
    with pytest.raises(AccessDeniedError, match="Your role is analyst; to propose a change it must be admin"):
        demand(analyst, "admin", "propose a change")


def test_nobody_writes_without_a_name() -> None:
    with pytest.raises(AccessDeniedError, match=r"git config user\.name"):
        demand(CurrentPerson("", "", "admin", "local"), "admin", "propose a change")


@pytest.mark.parametrize("verified", [None, True, "true"])
def test_an_address_that_the_provider_vouches_for_is_believed(verified: object) -> None:
    assert address_fault("prices@example.com", verified) is None


@pytest.mark.parametrize("verified", [False, "false", 0, ""])
def test_an_address_that_anybody_could_have_typed_is_not(verified: object) -> None:
    assert "has not verified" in (address_fault("prices@example.com", verified) or "")


def test_a_provider_that_tells_no_address_is_told_what_is_missing() -> None:
    assert "`email`" in (address_fault("", None) or "")


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [
        (None, [], "127.0.0.1"),
        ("203.0.113.9", [], "203.0.113.9"),
        # A proxy on this machine says last who asked it; what stands before that, anybody may have written.
        (None, ["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        (None, ["198.51.100.7", " 2001:db8::1 "], "2001:db8::1"),
        (None, ["=cmd()"], "127.0.0.1"),
        (None, ["203.0.113.9,"], "127.0.0.1"),
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
    ],
)
def test_where_a_request_comes_from(peer: str | None, forwarded: list[str], told: str) -> None:
    assert came_from(peer, forwarded) == told


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [
        ("Margin Desk", "Margin Desk"),
        ("Price Desk <prices@example.com>", "Price Desk prices@example.com"),
        ("\u202eksed\u202c\nDesk\t ", "ksedDesk"),
        ("<>", "eve@example.com"),
        (None, "eve@example.com"),
        ("n" * 300, "n" * 100),
    ],
)
def test_a_name_says_nothing_that_looks_like_an_address(claimed: object, shown: str) -> None:
    assert shown_name(claimed, "eve@example.com") == shown
