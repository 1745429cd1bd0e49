"""The dashboard behind a sign-in: the provider says who, the release says what they may."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import ENTRY
from tests.dashboard.seeding import Seeded

AUTH = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x", "client_id": "y"}


def _open(seeded: Seeded, monkeypatch: pytest.MonkeyPatch, user: dict[str, Any]) -> AppTest:
    monkeypatch.chdir(seeded.repository)
    monkeypatch.setenv("RATECARD_DATABASE_URL", seeded.url)
    # The settings are read once, by the first test of a process: beside the script.
    monkeypatch.setattr("streamlit.config._main_script_path", str(ENTRY))
    app = AppTest.from_file(str(ENTRY), default_timeout=60)
    app.secrets["auth"] = AUTH
    app.user = user
    return app.run()


def test_nobody_sees_anything_before_they_sign_in(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    app = _open(seeded, monkeypatch, {"is_logged_in": False})

    assert [line.value for line in app.subheader] == ["Sign in to see the rate card"]
    assert [button.label for button in app.button] == ["Sign in"]
    assert not app.metric


@pytest.mark.parametrize("email", ["stranger@example.com", "boo\u212as@example.com", "\u3000prices@example.com"])
def test_a_stranger_sees_nothing(seeded: Seeded, monkeypatch: pytest.MonkeyPatch, email: str) -> None:
    app = _open(seeded, monkeypatch, {"is_logged_in": True, "email": email, "name": "Stranger"})

    assert [line.value for line in app.subheader] == ["You have no access yet"]
    assert not app.metric


def test_somebody_who_is_listed_comes_in_whatever_the_case(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    app = _open(seeded, monkeypatch, {"is_logged_in": True, "email": "Books@Example.com", "name": "Books"})

    assert [line.value for line in app.title] == ["Overview"]
    assert app.metric


def test_an_address_that_is_not_verified_opens_nothing(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    person = {"is_logged_in": True, "email": "prices@example.com", "email_verified": False}
    app = _open(seeded, monkeypatch, person)

    assert [line.value for line in app.subheader] == ["Your address is not known for certain"]
    assert [button.label for button in app.button] == ["Sign out"]
    assert not app.metric
