from __future__ import annotations

from schema.documents.descriptions import describe_documents
from schema.documents.pricing import PriceEntry, Tier
from schema.json_schemas import build


def test_fields_take_the_text_that_stands_under_them() -> None:
    describe_documents()
    assert PriceEntry.model_fields["effective"].description == "In force from this date (00:00 UTC) or timestamp."


def test_inherited_fields_keep_the_text_of_where_they_were_declared() -> None:
    describe_documents()
    assert Tier.model_fields["per_million"].description == "USD per 1,000,000 units."
    assert Tier.model_fields["from_"].description == "Input tokens (input and cache units together)."


def test_schemas_carry_them() -> None:
    assert (
        build("tasks")["$defs"]["TaskEntry"]["properties"]["billable"]["description"]
        == "Whether its calls are charged."
    )


def test_every_field_of_every_document_is_described() -> None:
    for part in build("plans")["$defs"].values():
        assert all("description" in field for field in part["properties"].values())
