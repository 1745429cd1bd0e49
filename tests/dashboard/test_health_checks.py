"""What the health page looks at: on both databases, with real servers, and with what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, update

from dashboard.health.checks import (
    LITELLM_PATH,
    check_api,
    check_book,
    check_book_file,
    check_commit,
    check_litellm,
    check_redis,
    check_storage,
    check_stripe,
    check_untold,
    connections,
    near_url,
    newest_release,
)
from metering.meter import Meter
from schema.database import make_engine, writing
from schema.tables import CONFIG_TABLES
from sync.doctor.finding import Check
from sync.render.style import age_text
from sync.repository import Repository
from tests.dashboard.seeding import Seeded, git, seed
from tests.dashboard.test_health_probes import closed_port, http_server, replying, talking
from tests.metering.api.conftest import served

NOW = datetime.now(UTC)


def _levels(checks: Iterable[Check]) -> list[str]:
    return [check.level for check in checks]


def _words(checks: Iterable[Check]) -> str:
    return "\n".join(check.message for check in checks)


def test_the_database_of_each_kind_is_well(database_url: str, tmp_path: Path) -> None:
    seeded = seed(tmp_path, url=database_url)
    engine = seeded.engine()

    found = list(check_storage(engine, "by the test", datetime.now(UTC)))
    book = list(check_book(engine, NOW))
    alerts = list(check_untold(engine, None, {}, NOW))
    newest = newest_release(engine)
    engine.dispose()

    # The server of the tests does not wait for its disk, and is told so.
    assert {check.level for check in found if "is off" not in check.message} == {"ok"}
    assert ("connections are used" in _words(found)) == database_url.startswith("postgresql")
    assert _levels(book) == ["ok"]
    assert book[0].message.startswith("release 1 (v1), applied")
    assert alerts[0].message == "0 alerts waiting; the settings name no webhook, so that they are only listed"
    assert newest == 1


def test_a_database_that_is_away_fails_and_shows_no_password() -> None:
    engine = make_engine(f"postgresql://desk:secret@127.0.0.1:{closed_port()}/none")

    found = [*check_storage(engine, "by the test", NOW), *check_book(engine, NOW), *check_untold(engine, None, {}, NOW)]

    assert _levels(found) == ["fail", "fail", "fail"]
    assert "secret" not in _words(found)


def test_few_connections_left_is_a_warning() -> None:
    assert connections(10, 100).level == "ok"
    assert connections(90, 100).level == "warn"


def test_drift_is_told_once_git_or_the_database_moves(tmp_path: Path) -> None:
    seeded = seed(tmp_path)
    engine, repository = seeded.engine(), Repository.open(seeded.repository)

    assert _levels(check_commit(repository, engine, "config", NOW, ())) == ["ok", "ok"]

    table = CONFIG_TABLES["model"].table
    with writing(engine) as connection:
        connection.execute(update(table).where(table.c.model == "gpt-4o").values(display_name="Four"))
    card = seeded.repository / "config" / "tasks.yaml"
    card.write_text(card.read_text() + "\n# A word\n")
    git(seeded.repository, "commit", "--quiet", "--all", "--message=Say a word")

    found = list(check_commit(repository, engine, "config", NOW, ()))

    assert _levels(found) == ["ok", "warn"]
    assert _words(found) == "HEAD is 1 commit ahead of what release 1 applied\n1 edit in the database, not by a release"


def test_an_api_server_tells_its_release_with_a_key(tmp_path: Path) -> None:
    seeded = seed(tmp_path)
    with Meter.open(seeded.url) as meter:
        key = meter.keys.create("admin", by="test").text
        with served(meter) as port:
            url = f"http://127.0.0.1:{port}"
            known = list(check_api(url, key, 1))
            behind = list(check_api(url, key, 2))
            refused = list(check_api(url, "rk_wrong", 1))
            without = list(check_api(url, "", 1))

    assert _levels(known) == ["ok", "ok"]
    assert known[1].message.startswith("it serves release 1, known to be the newest")
    assert _levels(behind) == ["ok", "warn"]
    assert behind[1].message.endswith("the database is at release 2")
    assert _words(refused).endswith("RATECARD_API_KEY was answered HTTP 401")
    assert _levels(without) == ["ok"]
    assert key not in _words([*known, *behind, *refused])


def test_an_api_server_that_is_away_not_ready_or_without_database() -> None:
    assert _levels(check_api(f"http://127.0.0.1:{closed_port()}", "", 1)) == ["fail"]
    with http_server({"/ready": (503, "{}")}) as url:
        assert _levels(check_api(url, "", 1)) == ["fail"]
    with http_server({"/ready": (200, json.dumps({"status": "ready", "database": "away"}))}) as url:
        assert _levels(check_api(url, "", 1)) == ["warn"]
    with http_server({"/ready": (200, "{}"), "/metrics": (200, "ratecard_release x")}) as url:
        assert _levels(check_api(url, "key", 1)) == ["ok", "warn"]


def test_a_book_file_is_fresh_behind_or_missing(tmp_path: Path) -> None:
    seeded = seed(tmp_path)
    path, engine = str(tmp_path / "book"), seeded.engine()
    missing = list(check_book_file(engine, path, 1, NOW))
    Meter.open(seeded.url, book_file=path).close()
    now = datetime.now(UTC)

    assert _levels(missing) == ["warn"]
    assert _levels(check_book_file(engine, path, 1, now)) == ["ok"]
    assert _words(check_book_file(engine, path, 2, now)).endswith("the database is at release 2")
    assert "too old to start from" in _words(check_book_file(engine, path, 1, now + timedelta(hours=2)))
    assert _levels(check_book_file(create_engine("sqlite:///other.db"), path, 1, now)) == ["warn"]


def test_the_webhook_for_alerts_is_named_by_its_variable(seeded: Seeded) -> None:
    settings = {"webhook_env": "ALERT_WEBHOOK_URL", "format": "slack"}

    unset = list(check_untold(seeded.engine(), settings, {}, NOW))
    known = list(check_untold(seeded.engine(), settings, {"ALERT_WEBHOOK_URL": "https://example.com/secret"}, NOW))

    assert _levels(unset) == ["warn", "ok"]
    assert _levels(known) == ["ok", "ok"]
    assert "secret" not in _words(known)


def test_litellm_stripe_and_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"LITELLM_MASTER_KEY": "sk-secret", "STRIPE_SECRET_KEY": "sk_live_secret"}
    with http_server({LITELLM_PATH: (200, "{}")}) as url:
        well = list(check_litellm({"url": url, "master_key_env": "LITELLM_MASTER_KEY"}, environment))
    with http_server({}) as url:
        ill = list(check_litellm({"url": url, "master_key_env": "OTHER_KEY"}, environment))
    stripe = list(
        check_stripe({"secret_env": "STRIPE_SECRET_KEY", "webhook_secret_env": "STRIPE_WEBHOOK_SECRET"}, environment)
    )
    with talking(replying(b"+PONG\r\n")) as port:
        pong = list(check_redis(f"redis://127.0.0.1:{port}/0"))
    with talking(replying(b"-NOAUTH Authentication required.\r\n")) as port:
        refused = list(check_redis(f"redis://127.0.0.1:{port}/0"))
    away = list(check_redis(f"redis://:secret@127.0.0.1:{closed_port()}"))

    assert _levels(well) == ["ok", "ok"]
    assert _levels(ill) == ["fail", "warn"]
    assert _levels(stripe) == ["ok", "warn"]
    assert _levels(pong) == ["ok"]
    assert refused[0].message.endswith("refuses: NOAUTH")
    assert _levels(away) == ["fail"]
    assert "secret" not in _words([*well, *stripe, *away])


def test_how_long_ago() -> None:
    ages = (timedelta(seconds=-5), timedelta(seconds=90), timedelta(minutes=3), timedelta(hours=2), timedelta(days=9))

    assert [age_text(age) for age in ages] == ["0 s", "90 s", "3 min", "2 h", "9 days"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////srv/prices/.ratecard/ratecard.db", "sqlite:///.ratecard/ratecard.db"),
        ("sqlite:////home/somebody/ratecard.db", "sqlite:///…/ratecard.db"),
        ("sqlite:///ratecard.db", "sqlite:///ratecard.db"),
        ("postgresql://desk:secret@db.example.com/prices", "postgresql://desk:***@db.example.com/prices"),
    ],
)
def test_a_databases_file_is_told_as_seen_from_the_folder(url: str, shown: str) -> None:
    assert near_url(make_url(url), Path("/srv/prices")) == shown
