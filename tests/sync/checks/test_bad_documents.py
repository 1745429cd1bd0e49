"""Every wrong document has a folder under tests/fixtures/bad, laid over the small config, with its exact messages.

What cannot lie in a repository (a file of 5 MB, a link, a key that a forge would block) is made here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from schema.catalogue import LinkedFile
from sync.checks import validate_files
from sync.checks.codes import CODES
from tests.small_config import SMALL_CONFIG

BAD = Path(__file__).parents[2] / "fixtures" / "bad"
FOLDERS = sorted(path.name for path in BAD.iterdir())
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ADMINS = ("Owner@example.com",)

# Put together here so that no scanner of secrets takes this file for a leak.
STRIPE_KEY = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"

TOO_LARGE = "the file has 5.0 MB; at most 5 MB are read: split it [FILE_TOO_LARGE]"
LEAVES = "the path leaves the folder: only files inside it are read [PATH_OUTSIDE]"
LINKED = "links and submodules are not followed: put the files themselves here [PATH_OUTSIDE]"
SECRET = "put it into an environment variable and name that (`secret_env: NAME`) [SECRET_IN_YAML]"
EMPTY = "config/ holds no YAML: write config/registry/PROVIDER.yaml first, or name another --config [EMPTY_CONFIG]"
SETTINGS = f"""\
stripe:
  secret_env: {STRIPE_KEY}
extra:
  password: 'k7Jd92hfLq01mZx84TgBw'
"""

MADE: dict[str, tuple[dict[str, bytes], list[str]]] = {
    "FILE_TOO_LARGE": (
        {"features.yaml": b"#" * (5 * 1024 * 1024 + 1)},
        [f"error config/features.yaml:1:1: {TOO_LARGE}"],
    ),
    "PATH_OUTSIDE": (
        {"../other.yaml": b"provider: x\n", "registry/linked.yaml": LinkedFile(), "features": LinkedFile()},
        [
            f"error config/../other.yaml:1:1: {LEAVES}",
            f"error config/features:1:1: {LINKED}",
            f"error config/registry/linked.yaml:1:1: {LINKED}",
        ],
    ),
    "SECRET_IN_YAML": (
        {"settings.yaml": SETTINGS.encode()},
        [
            f"error config/settings.yaml:2:15: this looks like a secret: {SECRET}",
            f"error config/settings.yaml:4:14: this looks like a secret: {SECRET}",
        ],
    ),
}


def found(files: dict[str, bytes]) -> list[str]:
    validation = validate_files(files, "config", NOW, ADMINS)
    return [f"{finding.severity} {finding}" for finding in (*validation.errors, *validation.warnings)]


def small_files() -> dict[str, bytes]:
    return {path: text.encode() for path, text in SMALL_CONFIG.items()}


@pytest.mark.parametrize("name", FOLDERS)
def test_fixture_is_told_exactly(name: str) -> None:
    files = small_files()
    for path in (BAD / name).rglob("*.yaml"):
        files[path.relative_to(BAD / name).as_posix()] = path.read_bytes()
    removed = BAD / name / "removed.txt"
    for path in removed.read_text().split() if removed.exists() else []:
        del files[path]
    told = found(files)
    assert told == (BAD / name / "expected.txt").read_text().splitlines()
    assert f"[{name.upper()}]" in told[0]


@pytest.mark.parametrize("code", MADE)
def test_made_document_is_told_exactly(code: str) -> None:
    files, expected = MADE[code]
    assert found({**small_files(), **files}) == expected


def test_empty_config_is_told() -> None:
    assert found({"README.md": b"nothing here"}) == [f"error config:1:1: {EMPTY}"]


def test_every_code_has_its_document() -> None:
    assert {name.upper() for name in FOLDERS} | set(MADE) | {"EMPTY_CONFIG"} == set(CODES)


def test_no_secret_is_repeated() -> None:
    """No message, and so no output of CI, shows a secret."""
    files = {"settings.yaml": f"site_name: {STRIPE_KEY}\nrounding_mode: {STRIPE_KEY}\n{STRIPE_KEY}: 1\n".encode()}
    told = "\n".join(found({**small_files(), **files}))
    assert "SECRET_IN_YAML" in told
    assert STRIPE_KEY[8:] not in told
