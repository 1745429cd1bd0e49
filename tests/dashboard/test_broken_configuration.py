"""The configuration pages on little and on broken configuration: each says what to do, none ends in an error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import Seeded, apply_head, configuration, git, make_repository

PAGES = (
    "models",
    "pricing",
    "routing",
    "plans",
    "packs",
    "features",
    "rates",
    "settings",
    "access",
    "draft",
    "proposals",
)
LITTLE = ("registry/openai.yaml", "pricing/openai.yaml")
BROKEN = {
    "plans.yaml": "plans: [",
    "registry/openai.yaml": "provider: openai\nmodels:\n  gpt-4o:\n    type: nothing\n",
    "pricing/openai.yaml": "provider: openai\nprices: 7\n",
    "routing/anthropic.yaml": "routes: {extraction: }\n",
    "access.yaml": "admins: 3\n",
    "settings.yaml": "default_plan: [x]\nextra: {a: {b: [1, 2]}}\n",
    "features.yaml": "features: {search: }\n",
    "exchange_rates.yaml": "rates: no\n",
    "credit_packs.yaml": "packs: {Starter: {price: x}}\n",
    "run_units.yaml": "minimum: many\n",
}


def _write(seeded: Seeded, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = seeded.repository / "config" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    git(seeded.repository, "add", "--all")
    git(seeded.repository, "commit", "--quiet", "--message=Write something else")


def _applied(folder: Path, files: dict[str, str]) -> Seeded:
    top = folder / "repository"
    top.mkdir()
    make_repository(top, files)
    seeded = Seeded(top, f"sqlite:///{folder / 'ratecard.db'}")
    apply_head(top, seeded.url, datetime.now(UTC))
    return seeded


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """One model and its price, nothing else."""
    files = {path: text for path, text in configuration().items() if path in LITTLE}
    return _applied(tmp_path_factory.mktemp("little"), files)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A release of a whole configuration, and a base branch that does not validate any more."""
    seeded = _applied(tmp_path_factory.mktemp("broken"), configuration())
    _write(seeded, BROKEN)
    return seeded


def _faults(app: AppTest) -> list[str]:
    """What a page may never show: a failure of its own."""
    return [*(text.value for text in app.text if "could not be drawn" in text.value), *(e.value for e in app.exception)]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_on_little_says_what_to_do(little: Seeded, open_app: OpenApp, page: str) -> None:
    assert _faults(open_app(little, page)) == []


@pytest.mark.parametrize("page", ["draft", "proposals"])
def test_a_page_of_edits_on_a_broken_branch_is_drawn(broken: Seeded, open_app: OpenApp, page: str) -> None:
    assert _faults(open_app(broken, page)) == []


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("models", {"model": "openai/gpt-4o"}),
        ("models", {"model_action": "New"}),
        ("pricing", {"model": "anthropic/claude-haiku-4-5"}),
        ("routing", {"provider_table": "anthropic", "task": "extraction"}),
        ("plans", {"plan": "pro"}),
        ("plans", {"plan_action": "New"}),
        ("packs", {"pack": "Starter"}),
        ("features", {}),
        ("features", {"view": "Run units"}),
        ("rates", {}),
        ("settings", {"group": "Extra"}),
        ("access", {"person": "help@example.com"}),
    ],
)
def test_a_form_on_a_broken_branch_says_that_it_is_broken(
    broken: Seeded, open_app: OpenApp, page: str, query: dict[str, str]
) -> None:
    app = open_app(broken, page, **query)

    assert _faults(app) == []
    assert any("does not validate" in warning.value for warning in app.warning)


def test_a_branch_that_validates_is_not_called_broken(little: Seeded, open_app: OpenApp) -> None:
    assert not open_app(little, "models", model="openai/gpt-4o").warning


def test_a_branch_without_a_configuration_is_told(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = _applied(tmp_path, configuration())
    git(seeded.repository, "rm", "--quiet", "-r", "config")
    git(seeded.repository, "commit", "--quiet", "--message=Take it away")

    for page in ("models", "plans", "draft", "proposals"):
        assert _faults(open_app(seeded, page)) == []
