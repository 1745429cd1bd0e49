"""Health on its page: a card for each thing that is configured, and a banner for the whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from metering.book.file import database_name
from metering.spool import Spool, Waiting
from metering.usage import Usage, read_usage
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import Seeded, configuration, git, seed
from tests.dashboard.test_health_probes import closed_port

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


def _cards(app: AppTest) -> list[str]:
    return [line.value for line in app.subheader]


def test_all_is_well(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "health")

    assert [line.value for line in app.title] == ["Health"]
    assert sorted(_cards(app)) == ["Alerts", "Database", "Drift", "Rate book", "Runtimes"]
    assert "All 5 are well" in app.success[0].value
    assert not app.warning
    assert not app.error


def test_what_is_configured_is_asked_and_the_worst_stands_above(
    seeded: Seeded, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:secret@127.0.0.1:{closed_port()}")
    monkeypatch.setenv("RATECARD_API_URL", f"http://127.0.0.1:{closed_port()},")
    monkeypatch.setenv("RATECARD_BOOK_FILE", str(tmp_path / "book"))
    monkeypatch.setenv("RATECARD_SPOOL", str(tmp_path / "spool"))
    event = read_usage(Usage(event_id="1", account="a", model="m"), now=EARLIER)
    Spool(tmp_path / "spool", database_name(seeded.engine()), 1_000_000).append([Waiting(event, EARLIER)] * 3)

    app = open_app(seeded, "health")

    assert {"Redis", "Book file", "Spool"} <= set(_cards(app))
    assert any("3 calls have waited for " in line.value for line in app.markdown)
    assert any("ratecard meter drain" in line.value for line in app.caption)
    assert "fail" in app.error[0].value
    assert "secret" not in "\n".join(line.value for line in app.markdown)


def test_services_that_the_settings_name_have_cards(tmp_path: Path, open_app: OpenApp) -> None:
    settings = f"""\
{configuration()["settings.yaml"]}
stripe: {{secret_env: STRIPE_SECRET_KEY}}
litellm: {{url: "http://127.0.0.1:{closed_port()}", master_key_env: LITELLM_MASTER_KEY}}
"""
    app = open_app(seed(tmp_path, {"settings.yaml": settings}), "health")

    assert {"LiteLLM", "Stripe"} <= set(_cards(app))


def test_without_a_database_the_page_stands_and_says_so(seeded: Seeded, open_app: OpenApp) -> None:
    away = Seeded(seeded.repository, f"postgresql://nobody@127.0.0.1:{closed_port()}/none")

    app = open_app(away, "health")

    assert "Database" in app.error[0].value
    assert "Database" in _cards(app)


def test_a_viewer_sees_it_and_can_switch_the_refresh_off(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    git(seeded.repository, "config", "user.email", "help@example.com")

    app = open_app(seeded, "health")
    app.toggle(key="refresh").set_value(False).run()

    assert "All 5 are well" in app.success[0].value
