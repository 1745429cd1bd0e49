"""`registry`: the models that exist, a file a provider."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schema.documents.base import Count, Document, Flag, ModelName, Slug, Text

ModelType = Literal["llm", "embedding", "image", "audio", "video", "rerank"]


class ModelEntry(Document):
    """One model of a provider."""

    display_name: Text
    """The name that people see."""
    type: ModelType
    """What the model does; it decides which units a price must name."""
    access: Slug = "standard"
    """The access class a plan must open before its accounts may call the model (see `settings.access_classes`)."""
    aliases: tuple[ModelName, ...] = ()
    """Other names, unique over all providers: a look-up by alias may leave the provider out."""
    context_window: Count | None = None
    """Tokens that fit into a call, input and output together."""
    max_output: Count | None = None
    """The most tokens that a call may put out."""
    active: Flag = True
    """Whether calls are accepted; an inactive model is refused before the call."""


class RegistryDocument(Document):
    """The models of one provider."""

    provider: Slug
    """The provider's name in keys and calls."""
    display_name: Text | None = None
    """The provider's name that people see."""
    models: dict[ModelName, ModelEntry] = Field(default_factory=dict)
    """The models by the name that calls use."""
