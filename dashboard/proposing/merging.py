"""Merge and apply: the plan is shown first, a click confirms it, and exactly what was shown is applied.

Also for a base branch that is ahead of the database. Only the plan that the person saw is applied: the changes are
compared again after the merge, and apply compares the fingerprint inside its transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration.change_table import COLUMNS, change_rows
from dashboard.exports import Csv
from dashboard.formats import literal, short_commit
from dashboard.layout import card, card_title, part_title
from dashboard.proposing.bases import Base
from dashboard.session import require
from schema.database import reading
from schema.errors import RatecardError
from sync.apply import ReleaseResult, apply_plan
from sync.changes import Change
from sync.context import environment_admins
from sync.errors import PlanError, RepositoryError
from sync.plan import Plan, Target, plan_for
from sync.plumbing import quiet, write_commit
from sync.proposals import ProposalInfo, merge
from sync.repository import Person, Repository
from sync.target import load_target

_DONE = "merge_done"
_FAILED = "merge_failed"
CONFIRM = "confirm"
_HERE = "--reprice"
"""The one option that the page offers; what asks for another is applied from the command line."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan as the person saw it."""

    changes: tuple[Change, ...]
    config_tree: str


def trial_commit(repository: Repository, base: str, tip: str, person: Person) -> str:
    """A commit with the tree that merging `tip` into `base` gives; no branch moves. Raises RepositoryError."""
    if repository.is_ancestor(base, tip):
        return tip
    tree = quiet(repository, "merge-tree", "--write-tree", "--no-messages", base, tip).strip()
    return write_commit(repository, tree, (base, tip), "Trial merge\n", person, sources.utc_now())


def plan_at(repository: Repository, commit: str) -> tuple[Plan, Target]:
    """The plan that applying a commit would be. Raises RatecardError."""
    now = sources.utc_now()
    target = load_target(repository, commit, sources.CONFIG_FOLDER, now=now, environment_admins=environment_admins())
    with reading(sources.engine()) as connection:
        plan, _ = plan_for(connection, target, now=now)
    return plan, target


def _person(person: CurrentPerson) -> Person:
    return Person(person.name, person.email)


def _show(plan: Plan, key: str) -> bool:
    """Draw a plan; whether it may be applied here (with the reprice option when it asks for that)."""
    if not plan.changes:
        st.caption("The database says all of this already: applying it changes nothing.")
        return True
    counts = ", ".join(f"{number} to {action}" for action, number in plan.summary.items() if number)
    rows = change_rows(plan.changes)
    part_title(f"The plan: {counts}", Csv(f"plan-{key}", COLUMNS, lambda: [tuple(row.values()) for row in rows]))
    st.dataframe(
        pd.DataFrame.from_records(rows, columns=COLUMNS),
        hide_index=True,
        height="content",
        key=f"plan_{key}",
        alt="The plan's changes",
    )
    for unsafe in plan.unsafe:
        told = f"{unsafe.key}: {unsafe.message}" + (f" ({unsafe.way_out})" if unsafe.approved else "")
        icon = ":green[:material/verified:]" if unsafe.approved else ":orange[:material/warning:]"
        st.markdown(f"{icon} {literal(told)}")
    options = _options(plan)
    if None in options:
        st.caption("It cannot be applied while anything depends on what it removes.")
        return False
    if options - {_HERE}:
        words = " ".join(sorted(option for option in options if option))
        st.caption(f"Apply it from the command line: `ratecard apply {words}`, or approve it in `ratecard.yaml`.")
        return False
    if options:
        return st.checkbox(
            "Reprice: let it change prices in effect, which calls may have been billed by", key=f"reprice_{key}"
        )
    return True


def _options(plan: Plan) -> set[str | None]:
    """The options that would let pass what nobody has approved."""
    return {unsafe.option for unsafe in plan.unsafe if unsafe.approved is None}


def _confirm_buttons(
    plan: Plan, label: str, key: str, allowed: bool, action: object, arguments: tuple[object, ...]
) -> None:
    with st.container(horizontal=True):
        st.button(
            label,
            type="primary",
            icon=":material/check:",
            key=f"yes_{key}",
            disabled=not allowed,
            on_click=action,  # type: ignore[arg-type]
            args=arguments,
        )
        st.button("Not now", key=f"no_{key}", type="tertiary", on_click=st.session_state.pop, args=(CONFIRM, None))


def confirm_merge(info: ProposalInfo, base: Base, person: CurrentPerson) -> None:
    """The plan of a merged proposal, and the button that does it."""
    repository = sources.repository()
    if repository is None:
        return
    key = short_commit(info.commit)
    try:
        plan, _ = plan_at(repository, trial_commit(repository, base.commit, info.commit, _person(person)))
    except RatecardError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    with st.container(border=True):
        allowed = _show(plan, key)
        shown = Shown(plan.changes, plan.config_tree)
        arguments = (info.branch, base.branch, shown, bool(_options(plan)))
        _confirm_buttons(plan, "Yes, merge and apply", key, allowed, merge_and_apply, arguments)


def merge_and_apply(branch: str, base: str, shown: Shown, reprice: bool) -> None:
    """Merge a proposal and apply the result; a callback, so the role is read again."""
    person = require("admin", "merge and apply")
    repository = sources.repository()
    st.session_state.pop(CONFIRM, None)
    if repository is None:
        return
    try:
        commit = merge(
            repository,
            branch,
            base,
            _person(person),
            sources.utc_now(),
            folder=sources.CONFIG_FOLDER,
            environment_admins=environment_admins(),
        )
    except RatecardError as error:
        st.session_state[_FAILED] = str(error)
        return
    _apply(repository, commit, shown, person, reprice, merged=branch)


def apply_base(commit: str, shown: Shown, reprice: bool) -> None:
    """Apply the base branch; a callback, so the role is read again."""
    person = require("admin", "apply")
    repository = sources.repository()
    st.session_state.pop(CONFIRM, None)
    if repository is not None and sources.local_merges():
        _apply(repository, commit, shown, person, reprice, merged=None)


def _apply(
    repository: Repository, commit: str, shown: Shown, person: CurrentPerson, reprice: bool, *, merged: str | None
) -> None:
    try:
        plan, target = plan_at(repository, commit)
        if (plan.changes, plan.config_tree) != (shown.changes, shown.config_tree):
            raise PlanError("the plan is not the one that was shown any more; look at it again and apply it")
        result = apply_plan(
            sources.engine(),
            plan,
            target,
            now=sources.utc_now(),
            applied_by=str(_person(person)),
            label=repository.tag_at(commit),
            allowed=(_HERE,) if reprice else (),
        )
    except RatecardError as error:
        st.session_state[_FAILED] = f"{f'{merged} is merged, but not applied: ' if merged else ''}{error}"
        return
    st.session_state[_DONE] = (merged, result)


def merge_note() -> None:
    """What the last merge or apply became, or why it failed; shown once."""
    failed: str | None = st.session_state.pop(_FAILED, None)
    if failed:
        st.error(literal(failed), icon=":material/error:")
    done: tuple[str | None, ReleaseResult] | None = st.session_state.pop(_DONE, None)
    if done is None:
        return
    merged, result = done
    first = f"Merged **{literal(merged)}** as commit" if merged else "Commit"
    last = f"applied as release **{result.release}**" if result.changed else "nothing had to be applied"
    st.success(f"{first} **{short_commit(result.commit)}**; {last}.", icon=":material/check_circle:")
    if result.changed:
        st.page_link(
            "app_pages/releases.py",
            label="See what the release changed",
            icon=":material/arrow_forward:",
            icon_position="right",
            query_params={"release": str(result.release)},
        )


def unapplied(base: Base, person: CurrentPerson, allowed: bool) -> None:
    """A card when the base branch says something else than the database: the plan, and the button that applies it."""
    repository = sources.repository()
    stamp = sources.read_stamp()
    if repository is None or stamp is None:
        return
    try:
        if repository.config_tree(base.commit, sources.CONFIG_FOLDER) == stamp.config_tree:
            return
        plan, _ = plan_at(repository, base.commit)
    except (RepositoryError, RatecardError) as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    if not plan.changes:
        return
    with card("unapplied"):
        card_title("Not applied yet", f"{literal(base.shown)} is ahead of the database")
        may = _show(plan, "base") and allowed
        if not sources.local_merges():
            st.caption("Your CI applies what is merged on the forge; by hand that is `ratecard apply`.")
            return
        shown = Shown(plan.changes, plan.config_tree)
        arguments = (base.commit, shown, bool(_options(plan)))
        st.button(
            "Apply",
            type="primary",
            key="apply_base",
            icon=":material/check:",
            disabled=not may,
            on_click=apply_base,
            args=arguments,
        )
