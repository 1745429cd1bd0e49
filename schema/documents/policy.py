"""`ratecard`: the policy of the repository itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schema.documents.base import Count, Day, Document, EnvName, Flag, Given, Multiplier, Text
from schema.documents.numbers import WholeRange


class Guardrails(Document):
    """Limits that an apply may not cross without an approval."""

    lowest_margin: Annotated[Multiplier | None, Given] = None
    """No price may have a smaller margin."""
    largest_bill_rise_percent: Annotated[Count | None, Given] = None
    """No account's bill may rise by more, on its real usage."""
    no_price_below_cost: Flag = False
    """No list price may be below cost."""
    max_update_percent: Annotated[Count | None, Given] = None
    """Share of a kind's entities that one apply may update."""
    max_delete_percent: Annotated[Count | None, Given] = None
    """Share of a kind's entities that one apply may delete."""


class Approval(Document):
    """A named, dated exception from a guardrail."""

    code: Text
    """The code that is allowed."""
    key: Text | None = None
    """The entity it is allowed for, as plans name it; without it, every one."""
    by: Text
    """Who allows it."""
    until: Day
    """The last day on which it counts."""
    reason: Text
    """Why."""


class Forge(Document):
    """Where pull requests are opened."""

    kind: Literal["github", "gitlab"]
    """The forge's kind."""
    url: Text
    """The repository's page."""
    remote: Text = "origin"
    """The git remote that proposals are pushed to."""
    token_env: EnvName | None = None
    """The variable that holds the token which opens pull requests; GH_TOKEN or GITHUB_TOKEN, or GITLAB_TOKEN."""
    api_url: Text | None = None
    """Where the forge's API answers, when that does not follow from `url`."""


class DatabaseAway(Document):
    """What the runtime does while the database cannot be reached; holds and checks always refuse."""

    serve: Flag = True
    """Whether routes and quotes are served from the last known rate book."""
    max_age_minutes: Annotated[int, WholeRange(1)] = 60
    """How old that rate book may be."""


class PolicyDocument(Document):
    """The policy of the repository: who merges where, what an apply may do."""

    base_branch: Text | None = None
    """The branch that proposals start from; `main` when nothing is said."""
    local_merges: Flag | None = None
    """Whether the dashboard may merge a proposal into the base branch of its own clone and apply it."""
    forge: Forge | None = None
    """Where pull requests are opened."""
    guardrails: Annotated[Guardrails | None, Given] = None
    """Limits that an apply may not cross."""
    approvals: tuple[Approval, ...] = ()
    """Exceptions from guardrails."""
    severity: dict[Text, Literal["error", "warning", "off"]] = Field(default_factory=dict)
    """What a finding counts as, by code: any may be raised, none lowered below the minimum in docs/checks.md."""
    database_away: DatabaseAway | None = None
    """What the runtime does while the database cannot be reached."""
