"""The panel that edits, adds or removes a plan, with its live preview and Propose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import streamlit as st

from dashboard.access import CurrentPerson
from dashboard.configuration.change_title import change_title
from dashboard.configuration.choosing import Choice
from dashboard.configuration.compared import compared
from dashboard.configuration.entity_form import moved
from dashboard.configuration.model_form import access_classes
from dashboard.formats import count, literal
from dashboard.plans.cards import offer_lines
from dashboard.plans.figures import (
    PlanFigures,
    in_order,
    included_share,
    limit_names,
    limit_words,
    lowered_limits,
    saving_words,
)
from dashboard.plans.form import (
    fee_kind,
    plan_edits,
    plan_fields,
    plan_of,
    plan_slug,
    starting_texts,
)
from dashboard.plans.inputs import picked_texts, plan_inputs, quick_picks
from dashboard.proposing.bases import Base
from dashboard.proposing.form_state import form_prefix, see
from dashboard.proposing.forms import new_note, propose_panel
from metering.book.entities import Plan
from schema.documents.plans import QUOTA_LIMITS, STATIC_LIMITS, PlanEntry
from schema.keys import Key
from sync.edit import Edit, RemoveEntity
from sync.render.style import count as numbered

CountModels = Callable[[str], int]
"""How many active models a plan of an access class opens."""
AboveLimits = Callable[[str, Mapping[str, int]], Mapping[str, int]]
"""How many accounts of a plan use more than some limits, by limit."""
_COUNTED = {
    "tokens_per_month": "tokens this month",
    "run_units_per_month": "run units this month",
    "requests_per_day": "requests today",
}
NEW_STEM = "plan_New_"


def plan_panel(
    base: Base | None,
    choice: Choice,
    figures: Mapping[str, PlanFigures],
    count_models: CountModels,
    above_limits: AboveLimits,
    person: CurrentPerson,
    now: datetime,
) -> None:
    """Draw the form of the choice."""
    if base is None:
        return
    if choice.mode == "New":
        _edit(base, None, figures, count_models, above_limits, person, now)
    elif not choice.name:
        st.caption("Choose a plan here or in its card to see and change what it offers.")
    elif base.find(Key("plan", choice.name)) is None:
        st.caption("The base branch does not have this plan any more.")
    elif choice.mode == "Remove":
        _remove(base, Key("plan", choice.name), figures, person, now)
    else:
        _edit(base, Key("plan", choice.name), figures, count_models, above_limits, person, now)


def _remove(base: Base, key: Key, figures: Mapping[str, PlanFigures], person: CurrentPerson, now: datetime) -> None:
    version = see(base, key)
    on_it = figures.get(key.name, PlanFigures()).accounts
    if on_it:
        words = f"{numbered(on_it, 'account')} on it: an apply refuses to remove it. Switch Active off to end its sale."
        st.warning(words, icon=":material/group:")
    prefix = form_prefix(f"plan_Remove_{key.name}_{version}_")
    edits: list[Edit] = [RemoveEntity(key)]
    propose_panel(edits, prefix=prefix, key=key, title=f"Remove plan {key.name}", person=person, now=now)


def _edit(
    base: Base,
    key: Key | None,
    figures: Mapping[str, PlanFigures],
    count_models: CountModels,
    above_limits: AboveLimits,
    person: CurrentPerson,
    now: datetime,
) -> None:
    """The form of a plan; of a new one without a key, which its name then makes."""
    entries: dict[str, PlanEntry] = {name: entity.document for name, entity in base.catalogue.of("plan").items()}
    entry = None if key is None else entries[key.name]
    # A new plan has its slug only once its name is typed: until then its fields go by a name of their own.
    field_key = key or Key("plan", "new")
    prefix = form_prefix(NEW_STEM if key is None else f"plan_Edit_{key.name}_{see(base, key)}_")
    fields = plan_fields(field_key, access_classes(base.catalogue), _limits(entries, prefix))
    before = starting_texts(fields, entry)
    start, inputs = picked_texts(prefix, before)
    texts, kind = plan_inputs(
        fields,
        start,
        inputs,
        kind=fee_kind(entry),
        known_features=list(dict.fromkeys(name for one in entries.values() for name in one.features)),
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _more_limits(entries, prefix)
        others = [name for name in entries if key is None or name != key.name]
        copies = {name: starting_texts(fields, entries[name]) for name in others}
        quick_picks(fields, texts, prefix, inputs, copies, others)
    if key is None:
        key = _new_key(texts[fields.one("name").id], entries, inputs)
        if key is None:
            new_note(NEW_STEM)
            st.caption("Name the new plan: its slug follows from the name.")
            return
        see(base, key)
    named = plan_fields(key, access_classes(base.catalogue), _limits(entries, prefix))
    drawn = (*fields.others, *fields.fees)
    was, now_said = moved(drawn, before, key), moved(drawn, texts, key)
    old_plan = None if entry is None else plan_of(named, was, fee_kind(entry))
    _preview(old_plan, plan_of(named, now_said, kind), figures.get(key.name, PlanFigures()), count_models, above_limits)
    edits = plan_edits(named, was, now_said, was=fee_kind(entry), kind=kind, new=entry is None)
    what = f"plan {key.name}"
    title = f"Add {what}" if entry is None else change_title((*named.others, *named.fees), edits, what)
    propose_panel(edits, prefix=prefix, key=key, title=title, person=person, now=now)


def _limits(entries: Mapping[str, PlanEntry], prefix: str) -> list[str]:
    known = _known_limits(entries)
    more = [name for name in st.session_state.get(f"{prefix}more_limits", []) if name not in known]
    return known + more


def _known_limits(entries: Mapping[str, PlanEntry]) -> list[str]:
    named = dict.fromkeys(name for entry in entries.values() for name in entry.limits)
    return list(dict.fromkeys([*QUOTA_LIMITS, *(name for name in STATIC_LIMITS if name in named), *named]))


def _more_limits(entries: Mapping[str, PlanEntry], prefix: str) -> None:
    known = _known_limits(entries)
    st.multiselect(
        "More limits",
        [name for name in STATIC_LIMITS if name not in known],
        key=f"{prefix}more_limits",
        accept_new_options=True,
        placeholder="Type a name",
        help="Limits that callers check themselves, such as projects.",
    )


def _new_key(name: str, entries: Mapping[str, PlanEntry], inputs: str) -> Key | None:
    slug = plan_slug(name, entries)
    if not name.strip():
        return None
    typed = st.text_input(
        "Slug",
        value=slug,
        key=f"{inputs}slug_{slug}",
        max_chars=100,
        help="What subscriptions, margins and calls name it by; it stays when the name changes.",
    )
    found = (typed or "").strip()
    if found in entries:
        st.error("There is a plan of this slug already: edit it instead.", icon=":material/error:")
        return None
    return Key("plan", found) if found else None


def _preview(
    old: Plan | None, new: Plan | None, figures: PlanFigures, count_models: CountModels, above_limits: AboveLimits
) -> None:
    """What the plan looks like to a customer, and how its figures move."""
    st.markdown("**Preview**")
    if new is None:
        st.caption("Not a plan yet: fill in the name and the fee, numbers with a point for decimals.")
        return
    with st.container(border=True):
        st.markdown(f"**{literal(new.name)}**{'' if new.active else ' · not on sale'}")
        offer_lines(new, count_models(new.access))
    with st.grid(3, min_column_width=120, gap="small"):
        compared("Annual saving", saving_words(new), saving_words(old) if old else None)
        compared("Included of the fee", included_share(new), included_share(old) if old else None)
        was = count(count_models(old.access)) if old else None
        compared("Models", count(count_models(new.access)), was)
    if (
        old is not None
        and figures.subscribers
        and (old.monthly_nanos, old.annual_nanos)
        != (
            new.monthly_nanos,
            new.annual_nanos,
        )
    ):
        st.caption(
            f"The fee of {numbered(figures.subscribers, 'running subscription')} stays; the new one is for those that "
            "begin from now on."
        )
    if old is not None and (above := above_limits(new.slug, lowered_limits(old, new))):
        for name, number in above.items():
            words = f"{numbered(number, 'account')} used more than {limit_words(new, name)} {_COUNTED[name]} already."
            st.markdown(f":orange[:material/speed:] {literal(words)}")
    gone = [] if old is None else [name for name in limit_names(in_order([old])) if name not in new.limits]
    if gone:
        st.caption(f"Without a limit from now on: {literal(', '.join(gone))}")


__all__ = ["plan_panel"]
