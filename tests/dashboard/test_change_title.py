"""The titles of changes: what one field becomes, where it can be said in a line."""

from __future__ import annotations

import pytest

from dashboard.configuration.change_title import change_title
from dashboard.configuration.entity_form import Field
from schema.keys import Key
from sync.edit import Edit, SetField

PRO = Key("plan", "pro")
FIELDS = (
    Field(PRO, "price.monthly", "Monthly fee", "number"),
    Field(PRO, "litellm.tpm_limit", "LiteLLM TPM limit", "whole"),
    Field(PRO, "active", "Active", "flag"),
)


@pytest.mark.parametrize(
    ("edits", "title"),
    [
        ([SetField(PRO, "price.monthly", "29")], "Set the monthly fee of plan pro to 29"),
        ([SetField(PRO, "litellm.tpm_limit", "9")], "Set the LiteLLM TPM limit of plan pro to 9"),
        ([SetField(PRO, "active", "false")], "Change plan pro"),
        ([SetField(PRO, "price.monthly", None)], "Change plan pro"),
        ([SetField(PRO, "price.monthly", "2" * 60)], "Change plan pro"),
        ([SetField(PRO, "unknown", "29")], "Change plan pro"),
        ([SetField(PRO, "price.monthly", "29"), SetField(PRO, "price.annual", "290")], "Change plan pro"),
        ([], "Change plan pro"),
    ],
)
def test_one_field_is_named_with_its_value(edits: list[Edit], title: str) -> None:
    assert change_title(FIELDS, edits, "plan pro") == title


def test_a_page_may_say_what_else_it_is() -> None:
    assert change_title(FIELDS, [], "the settings", "Change settings: credits") == "Change settings: credits"
