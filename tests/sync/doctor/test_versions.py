from __future__ import annotations

from datetime import timedelta

import pytest

from sync.doctor.clone import shown_remote
from sync.doctor.database import clocks, postgresql_version, sqlite_version
from sync.doctor.environment import check_environment
from sync.doctor.versions import check_versions, package, requirement
from tests.small_config import SMALL_CONFIG


@pytest.mark.parametrize(
    ("number", "shown", "level"),
    [(140_009, "14.9", "fail"), (150_000, "15.0", "ok"), (170_002, "17.2", "ok")],
)
def test_postgresql_must_be_15(number: int, shown: str, level: str) -> None:
    check = postgresql_version(number, shown)
    assert (check.level, check.message.startswith(f"PostgreSQL {shown}")) == (level, True)


@pytest.mark.parametrize(("version", "level"), [((3, 34, 1), "fail"), ((3, 35, 0), "ok"), ((4, 0, 0), "ok")])
def test_sqlite_must_know_returning(version: tuple[int, ...], level: str) -> None:
    assert sqlite_version(version).level == level


@pytest.mark.parametrize(
    ("seconds", "level", "word"), [(5, "ok", "apart"), (5.1, "warn", "ahead of"), (-3_600, "warn", "behind")]
)
def test_clocks_may_be_five_seconds_apart(seconds: float, level: str, word: str) -> None:
    check = clocks(timedelta(seconds=seconds))
    assert (check.level, word in check.message) == (level, True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pydantic>=2.11", ("pydantic", "2.11")),
        ("psycopg[binary]>=3.2", ("psycopg", "3.2")),
        ('litellm>=1.97; extra == "test"', None),
        ("types-PyYAML", None),
    ],
)
def test_only_what_is_needed_is_asked_for(text: str, found: tuple[str, str] | None) -> None:
    assert requirement(text) == found


@pytest.mark.parametrize(
    ("least", "found", "fine"),
    [
        ("2.0.40", "2.0.41", True),
        ("2.0.40", "2.0.40rc1", True),
        ("2.0.40", "2.0.9", False),
        ("3", "3.0.0", True),
        ("3", "2.9", False),
        ("0.2", None, False),
    ],
)
def test_packages_are_compared_by_numbers(least: str, found: str | None, fine: bool) -> None:
    check = package("thing", least, found)
    assert (check is None) == fine
    assert check is None or (check.level == "fail" and check.advice is not None and f'"thing>={least}"' in check.advice)


def test_what_runs_these_tests_is_new_enough() -> None:
    checks = list(check_versions("git version 2.39.5"))
    assert [check.level for check in checks] == ["ok", "ok", "ok"]
    assert checks[1].message.endswith(", git version 2.39.5")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://robot:token@example.com/a.git?key=x#y", "https://***@example.com/a.git"),
        ("https://token@example.com:8443/a.git", "https://***@example.com:8443/a.git"),
        ("https://example.com/a.git", "https://example.com/a.git"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("/srv/a.git", "/srv/a.git"),
    ],
)
def test_remotes_show_no_token(url: str, shown: str) -> None:
    assert shown_remote(url) == shown


def test_variables_are_named_and_never_shown() -> None:
    from schema.catalogue import load_catalogue

    settings = SMALL_CONFIG["settings.yaml"] + "stripe:\n  secret_env: STRIPE_SECRET_KEY\n"
    policy = "forge:\n  kind: github\n  url: https://example.com/a/b\n  token_env: FORGE_TOKEN\n"
    files = {"settings.yaml": settings.encode(), "ratecard.yaml": policy.encode()}
    catalogue, findings = load_catalogue(files)
    assert findings == []
    environment = {"STRIPE_SECRET_KEY": "hidden", "RATECARD_ADMINS": "hidden", "HOME": "/root"}
    assert [(check.level, check.message) for check in check_environment(environment, catalogue)] == [
        ("ok", "set: RATECARD_ADMINS"),
        ("warn", "FORGE_TOKEN is not set here, named by policy forge"),
        ("ok", "STRIPE_SECRET_KEY is set, named by setting stripe"),
    ]
