"""docs/yaml.md says what the documents say."""

from __future__ import annotations

from pathlib import Path

from schema.documents import DOCUMENTS
from schema.field_tables import render_docs

DOCS = Path(__file__).parents[2] / "docs" / "yaml.md"


def test_the_reference_is_current():
    assert DOCS.read_text(encoding="utf-8") == render_docs(), "run `ratecard schema --docs docs/yaml.md`"


def test_every_kind_has_a_chapter():
    chapters = [line[3:] for line in render_docs().splitlines() if line.startswith("## ")]
    assert chapters == [*DOCUMENTS, "Units"]


def test_fields_are_told_with_type_default_and_meaning():
    lines = render_docs().splitlines()
    assert "| `provider` | text | required | The provider's name in keys and calls. |" in lines
    assert "| `decimals` | whole number up to 6 | `4` | Decimals that run units are rounded to. |" in lines
    assert (
        "| `weight` | whole number 1 to 100 | required | Percent of the calls; the weights of a split sum to 100. |"
        in lines
    )
    assert "| `effective` | date or timestamp | required | In force from this date or timestamp. |" in lines
    assert "| `display_precision` | whole number up to 9 | `0` | Decimals of shown credits. |" in lines
