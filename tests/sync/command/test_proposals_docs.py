"""docs/proposals.md names what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from schema.documents.policy import Forge
from sync.command import build_parser

TEXT = (Path(__file__).parents[3] / "docs" / "proposals.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--set", "--unset", "--add", "--remove", "--rename", "--effective", "--push"])
def test_every_option_of_an_edit_is_told(option: str) -> None:
    assert option in build_parser("propose").format_help()
    assert f"`{option}" in TEXT or f" {option} " in TEXT


def test_every_field_of_the_forge_is_shown() -> None:
    assert all(f"  {field}: " in TEXT for field in Forge.model_fields)


def test_the_commands_are_there() -> None:
    assert "--propose" in build_parser("drift").format_help()
    assert "RELEASE" in build_parser("rollback").format_help()
    for command in ("ratecard propose", "ratecard rollback RELEASE", "ratecard drift --propose"):
        assert command in TEXT
