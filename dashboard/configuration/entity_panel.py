"""The panel that edits, adds or removes one entity, with its live preview and Propose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import streamlit as st

from dashboard.access import CurrentPerson
from dashboard.configuration.change_title import change_title
from dashboard.configuration.choosing import Choice, Mode, choose
from dashboard.configuration.entity_form import Field, document_of, edits_of, fields_of, texts_of
from dashboard.configuration.entity_inputs import draw_fields
from dashboard.proposing.bases import Base
from dashboard.proposing.form_state import form_prefix, see
from dashboard.proposing.forms import draft_note, propose_panel
from dashboard.proposing.preview import in_draft
from schema.documents.base import Document
from schema.keys import Key
from sync.edit import Edit, RemoveEntity

_Model = TypeVar("_Model", bound=Document)


@dataclass(frozen=True, slots=True)
class EntityPanel(Generic[_Model]):
    """How entities of a kind are edited. `word` names one of them; `show` draws what an edit does: before, after.

    `given` tells the fields that the key says, which no input asks for. `further` draws what else goes along with an
    entity that comes or goes, and returns its edits: by key, mode and the beginning of the keys of its inputs.
    """

    kind: str
    word: str
    model: type[_Model]
    show: Callable[[Key, _Model | None, _Model | None], None]
    leave_out: tuple[str, ...] = ("accept",)
    given: Callable[[Key], dict[str, Any]] = field(default=lambda _: {})
    further: Callable[[Key, Mode, str], list[Edit]] = field(default=lambda *_: [])

    def choose(self, names: Sequence[str], parameter: str) -> Choice:
        """The choice of the person, kept in the URL."""
        choice = choose(self.word, names, parameter)
        if choice.mode != "New":
            return choice
        name = st.text_input(f"Name of the new {self.word}", key=f"new_{parameter}", max_chars=100)
        return Choice("New", (name or "").strip())

    def draw(
        self, base: Base | None, choice: Choice, person: CurrentPerson, now: datetime, more: Sequence[Field] = ()
    ) -> None:
        """Draw the form of the chosen entity; `more` are fields that its document alone does not tell."""
        key = Key(self.kind, choice.name)
        if base is None:
            return
        if not choice.name:
            what = (
                f"Name the new {self.word}." if choice.mode == "New" else f"Choose a {self.word} here or in the table."
            )
            st.caption(what)
            return
        entity = base.find(key)
        if choice.mode == "New" and entity is not None:
            if in_draft(key):
                draft_note(f"The draft adds this {self.word}.")
                return
            st.error(f"There is a {self.word} of this name already: edit it instead.", icon=":material/error:")
            return
        if choice.mode != "New" and entity is None:
            st.caption(f"The base branch does not have this {self.word} any more.")
            return
        version = see(base, key)
        prefix = form_prefix(f"{self.kind}_{choice.mode}_{choice.name}_{version}_")
        before: Any = entity.document if entity is not None else None
        if choice.mode == "Remove":
            self.show(key, before, None)
            removals = [*self.further(key, choice.mode, prefix), RemoveEntity(key)]
            self._propose(removals, prefix, key, f"Remove {self.word} {key.name}", person, now)
            return
        fields = (*fields_of(self.model, key, leave_out=self.leave_out), *more)
        edits, after = self._inputs(key, fields, len(more), before, prefix)
        further = self.further(key, choice.mode, prefix)
        if before is not None and after is None:
            st.caption("A value is missing or no fit one: nothing can be reckoned with it.")
        else:
            self.show(key, before, after)
        what = f"{self.word} {key.name}"
        title = f"Add {what}" if before is None else change_title(fields, edits, what)
        self._propose([*edits, *further] if edits else [], prefix, key, title, person, now)

    def _inputs(
        self, key: Key, fields: Sequence[Field], folded: int, before: _Model | None, prefix: str
    ) -> tuple[list[Edit], _Model | None]:
        starts = texts_of(fields, {key: before if before is not None else self.model.model_construct()})
        first = len(fields) - folded
        texts = draw_fields(fields[:first], starts, prefix)
        if folded:
            with st.expander("By plan", expanded=any(starts[each.id] for each in fields[first:])):
                texts |= draw_fields(fields[first:], starts, prefix)
        edits = edits_of(fields, starts, texts, new=before is None)
        return edits, document_of(self.model, fields, texts, **self.given(key))

    def _propose(
        self, edits: Sequence[Edit], prefix: str, key: Key, title: str, person: CurrentPerson, now: datetime
    ) -> None:
        propose_panel(edits, prefix=prefix, key=key, title=title, person=person, now=now)


__all__ = ["EntityPanel"]
