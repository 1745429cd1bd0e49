"""`routing` and `tasks`: which model serves which task."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from schema.documents.base import Document, Flag, ModelName, ShortForm, Slug, Text
from schema.documents.numbers import WholeRange

DEFAULT_TASK = "_default"


class SplitPart(Document):
    """One side of a split."""

    model: ModelName
    """A model of this provider, or provider/model."""
    weight: Annotated[int, WholeRange(1, 100)]
    """Percent of the calls; the weights of a split sum to 100."""


class RouteTarget(Document):
    """Where the calls of a task go: one model or a split, and what follows when it fails."""

    model: ModelName | None = None
    """A model of this provider, or provider/model."""
    split: tuple[SplitPart, ...] = ()
    """Several models, each with its share."""
    fallbacks: tuple[ModelName, ...] = ()
    """Models to try next, in order."""
    accept: tuple[Text, ...] = ()
    """Codes of warnings about this route that somebody looked at."""

    @model_validator(mode="after")
    def _one_target(self) -> RouteTarget:
        if (self.model is None) == (not self.split):
            raise PydanticCustomError("one_target", "a route names either a model or a split", {})
        total = sum(part.weight for part in self.split)
        if self.split and total != 100:
            raise PydanticCustomError("split_sum", "the weights sum to {total}, not to 100", {"total": total})
        return self

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """Models and weights; a single model has weight 100."""
        return tuple((part.model, part.weight) for part in self.split) or ((str(self.model), 100),)


def _route(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


Route = Annotated[
    RouteTarget,
    BeforeValidator(_route),
    ShortForm({"type": "string", "minLength": 1, "description": "A model of this provider, or provider/model."}),
]


class RoutingDocument(Document):
    """The routing table of one provider."""

    provider: Slug
    """The provider that callers ask for."""
    routes: dict[Slug, Route] = Field(default_factory=dict)
    """Task to model; `_default` serves tasks without a line of their own."""


class TaskEntry(Document):
    """A task type."""

    description: Text | None = None
    """What the calls of this task do."""
    billable: Flag = True
    """Whether its calls are charged."""


class TasksDocument(Document):
    """The task types that calls may name."""

    tasks: dict[Slug, TaskEntry] = Field(default_factory=dict)
    """Task types by name."""
