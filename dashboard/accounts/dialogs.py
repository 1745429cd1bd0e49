"""The dialogs of the Accounts page: each asks for what an action needs and for a reason, and does it on a click.

One dialog is open at a time: what it is about stands in the session, so that a click of somebody who was demoted
meanwhile, or a refusal of the service, leaves the page as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

import streamlit as st

from dashboard.access import CurrentPerson, demand
from dashboard.accounts import actions as account_actions
from dashboard.accounts import data as account_data
from dashboard.accounts.actions import AT_END, CYCLES, NOW, WHENS, Done, Request
from dashboard.formats import exact_money, literal
from dashboard.meters import meter
from dashboard.session import current_person
from metering.book.entities import Plan
from metering.book.ratebook import RateBook
from schema.errors import RatecardError
from sync.repository import Person

_OPEN = "account_dialog"
_FAILED = "account_dialog_failed"
_REVEALED = "account_revealed"
_DONE = "account_done"
_PREFIX = "act"
_SHOWN = 8
NOT_ADMIN = "Only an admin whom git or the sign-in knows may do this."


@dataclass(frozen=True, slots=True)
class _Form:
    """What an action's dialog looks like."""

    title: str
    verb: str
    lead: str
    fields: Callable[[Request, RateBook], None]
    serious: bool = False


def allowed(person: CurrentPerson) -> bool:
    """Whether somebody may change accounts; each click asks again."""
    return person.may("admin") and bool(person.email)


def ask(action: str, accounts: Sequence[str], subject: str = "") -> None:
    """Open the dialog of an action; a callback."""
    close()
    st.session_state[_OPEN] = Request(action, tuple(accounts), f"dashboard:{uuid4()}", subject)


def close() -> None:
    """Close the dialog and forget what it showed; a callback."""
    for name in (_OPEN, _FAILED, _REVEALED):
        st.session_state.pop(name, None)


def action_button(
    label: str,
    action: str,
    accounts: Sequence[str],
    person: CurrentPerson,
    *,
    icon: str,
    subject: str = "",
    missing: str | None = None,
    primary: bool = False,
    stretch: bool = False,
) -> None:
    """A button that opens a dialog; `missing` says what it still needs."""
    may = allowed(person)
    st.button(
        label,
        icon=icon,
        key=f"ask_{action}_{subject}",
        type="primary" if primary else "secondary",
        width="stretch" if stretch else "content",
        disabled=not may or missing is not None,
        help=missing if may else NOT_ADMIN,
        on_click=ask,
        args=(action, tuple(accounts), subject),
    )


def done_note() -> None:
    """What the last action did; shown once."""
    done: Done | None = st.session_state.pop(_DONE, None)
    if done is not None:
        st.success(literal(done.message), icon=":material/check_circle:")


def draw_dialog(book: RateBook) -> None:
    """Draw the dialog that is open, if any. Called once, at the end of the page."""
    request: Request | None = st.session_state.get(_OPEN)
    if request is None:
        return
    form = _FORMS[request.action]

    @st.dialog(form.title, on_dismiss=close)
    def draw() -> None:
        if st.session_state.get(_OPEN) != request:
            # A click within a dialog draws the dialog only: what was done is told by the page.
            st.rerun()
        secret: Done | None = st.session_state.get(_REVEALED)
        if secret is not None and secret.secret is not None:
            _show_secret(secret.message, secret.secret)
            return
        _about(request, form)
        form.fields(request, book)
        st.text_input("Reason", key=_key(request, "reason"), help="Kept in the audit log.", max_chars=1_000)
        failed = st.session_state.get(_FAILED)
        if failed:
            st.error(literal(failed), icon=":material/error:")
        with st.container(horizontal=True):
            number = f" {len(request.accounts):,} accounts" if len(request.accounts) > 1 else ""
            st.button(
                f"{form.verb}{number}",
                type="primary",
                icon=":material/warning:" if form.serious else ":material/check:",
                key="act_confirm",
                on_click=_do,
                args=(request,),
            )
            st.button("Not now", type="tertiary", key="act_close", on_click=close)

    draw()


def _about(request: Request, form: _Form) -> None:
    st.caption(form.lead)
    if len(request.accounts) > 1:
        st.markdown(f"**{len(request.accounts):,} accounts**, all of them or none:")
    rest = len(request.accounts) - _SHOWN
    shown = [*request.accounts[:_SHOWN], *([f"and {rest:,} more"] if rest > 0 else [])]
    st.text("\n".join([*shown, *([_subject(request)] if request.subject else [])]))


def _subject(request: Request) -> str:
    return f"{request.action.partition('_')[0]} {request.subject}"


def _show_secret(message: str, secret: str) -> None:
    st.success(literal(message), icon=":material/check_circle:")
    st.code(secret, language=None, wrap_lines=True)
    st.caption("Copy it now: it is shown this once, and nobody can read it again.")
    st.button("Done, I have copied it", type="primary", key="act_close", on_click=close)


def _do(request: Request) -> None:
    # A callback: the role is read again. A refusal is told in the dialog, which is all that a click in it draws anew.
    prefix = _key(request, "")
    values = {str(name).removeprefix(prefix): st.session_state[name] for name in _keys(prefix)}
    try:
        person = current_person()
        demand(person, "admin", "change an account")
        done = account_actions.perform(meter(), request, values, str(Person(person.name, person.email)))
    except RatecardError as error:
        st.session_state[_FAILED] = str(error)
        return
    account_data.forget()
    st.session_state.pop(_FAILED, None)
    if done.secret is not None:
        st.session_state[_REVEALED] = done
        return
    st.session_state.pop(_OPEN, None)
    st.session_state[_DONE] = done


def _keys(prefix: str) -> list[str]:
    return [str(name) for name in st.session_state if str(name).startswith(prefix)]


def _key(request: Request, name: str) -> str:
    return f"{_PREFIX}_{request.key}_{name}"


def _nothing(request: Request, book: RateBook) -> None:
    """An action that needs a reason only."""


def _plan_box(request: Request, book: RateBook, *, default_too: bool) -> None:
    plans = [slug for slug, plan in book.plans.items() if plan.active]
    default = book.settings.default_plan
    st.selectbox(
        "Plan",
        [slug for slug in plans if default_too or slug != default],
        index=None,
        placeholder="Choose a plan",
        format_func=lambda slug: _priced(book.plans[slug]),
        key=_key(request, "plan"),
    )


def _priced(plan: Plan) -> str:
    # Options of a select box are plain text.
    fees = ((plan.monthly_nanos, "a month"), (plan.annual_nanos, "a year"))
    told = " or ".join(f"{exact_money(nanos)} {cycle}" for nanos, cycle in fees if nanos is not None)
    return f"{plan.slug}: {told or 'a fee that is agreed'}"


def _move(request: Request, book: RateBook) -> None:
    _plan_box(request, book, default_too=True)
    st.selectbox("Cycle", CYCLES, key=_key(request, "cycle"))
    st.selectbox("When", WHENS, key=_key(request, "when"))
    if len(request.accounts) == 1:
        st.text_input(
            "Agreed fee, USD per cycle",
            key=_key(request, "fee"),
            placeholder="The plan's fee",
            help="Only for a change that happens now.",
        )


def _cancel(request: Request, book: RateBook) -> None:
    st.radio("When", (AT_END, NOW), key=_key(request, "when"), horizontal=True)


def _gift(request: Request, book: RateBook) -> None:
    _plan_box(request, book, default_too=False)
    st.number_input("Months", min_value=1, max_value=120, value=1, step=1, key=_key(request, "months"))


def _extend(request: Request, book: RateBook) -> None:
    st.number_input("Days", min_value=1, max_value=3_650, value=14, step=1, key=_key(request, "days"))


def _rename(request: Request, book: RateBook) -> None:
    st.text_input("Name that people see", key=_key(request, "name"), max_chars=500, placeholder="None")


def _delete(request: Request, book: RateBook) -> None:
    st.text_input("Type the account's name to confirm", key=_key(request, "confirm"))
    st.checkbox("Purchased credit that is left is forfeited", key=_key(request, "forfeit"))


def _grant(request: Request, book: RateBook) -> None:
    with st.container(horizontal=True):
        st.text_input("Amount", key=_key(request, "amount"), placeholder="25.00")
        st.selectbox("in", ("USD", "credits"), key=_key(request, "unit"), width=130)
    with st.container(horizontal=True):
        st.selectbox("Kind", ("promo", "signup", "purchase"), key=_key(request, "kind"))
        st.text_input("Paid for it, USD", key=_key(request, "paid"), placeholder="0")
    st.date_input("Last day", value=None, format="YYYY-MM-DD", key=_key(request, "expires"), help="Empty: for good.")


def _refund_purchase(request: Request, book: RateBook) -> None:
    bought = {one.key: one for one in account_data.grants(request.accounts[0]) if one.kind == "purchase"}

    def told(key: str) -> str:
        one = bought[key]
        # Options of a select box are plain text.
        return f"{exact_money(one.remaining_nanos)} of {exact_money(one.face_nanos)} left: {key}"

    st.selectbox("Purchase", list(bought), index=None, format_func=told, key=_key(request, "purchase"))
    if not bought:
        st.caption("This account has bought nothing.")
    st.text_input("Credit to take back, USD", key=_key(request, "amount"), placeholder="All that is unspent")


def _refund_event(request: Request, book: RateBook) -> None:
    st.text_input("Id of the event", key=_key(request, "event"))
    st.text_input("Charge to give back, USD", key=_key(request, "amount"), placeholder="All of it")


def _add_user(request: Request, book: RateBook) -> None:
    st.text_input("Id", key=_key(request, "user"), max_chars=500, help="As calls name the user.")
    st.text_input("Name", key=_key(request, "name"), max_chars=500, placeholder="None")
    st.text_input("E-mail address", key=_key(request, "email"), max_chars=500, placeholder="None")
    st.text_input("Role", key=_key(request, "role"), max_chars=20, placeholder="member")


def _create_key(request: Request, book: RateBook) -> None:
    with st.container(horizontal=True):
        st.selectbox(
            "It may",
            ("meter", "read"),
            format_func={"meter": "look and record calls", "read": "look only"}.__getitem__,
            key=_key(request, "scope"),
        )
        st.text_input("Name", key=_key(request, "name"), placeholder="Such as production")
    st.date_input("Last day", value=None, format="YYYY-MM-DD", key=_key(request, "expires"), help="Empty: for good.")


def _rotate_key(request: Request, book: RateBook) -> None:
    st.number_input(
        "Hours that the old key goes on", min_value=0, max_value=8_760, value=24, step=1, key=_key(request, "hours")
    )


_FORMS = {
    "rename": _Form("Rename", "Rename", "The name that people see; calls go on using the account's own.", _rename),
    "move": _Form("Change plan", "Change plan", "Takes the place of the subscription that runs, or begins one.", _move),
    "cancel": _Form("Cancel the subscription", "Cancel it", "The account is on the default plan afterwards.", _cancel),
    "keep": _Form("Take back the planned end", "Take it back", "The subscription goes on as it is.", _nothing),
    "gift": _Form("Give a plan away", "Give", "Without a fee; what is paid for now goes on afterwards.", _gift),
    "extend": _Form("Extend", "Extend", "Moves the end of a trial, a gift or another planned end.", _extend),
    "suspend": _Form("Suspend", "Suspend", "Calls are refused from now on; plan and keys stay.", _nothing, True),
    "unsuspend": _Form("Let call again", "Unsuspend", "Calls are accepted from now on.", _nothing),
    "ban": _Form("Ban", "Ban", "Calls are refused, the subscription ends, all keys are revoked.", _nothing, True),
    "delete": _Form(
        "Delete the account",
        "Delete for good",
        "Its people are forgotten, its keys revoked; what it was billed stays. Its name is never used again.",
        _delete,
        True,
    ),
    "grant": _Form(
        "Grant credit", "Grant", "Credit that calls burn, in the order of the priorities of grants.", _grant
    ),
    "refund_purchase": _Form(
        "Refund a purchase", "Refund", "Takes unspent credit back and tells the money to return.", _refund_purchase
    ),
    "refund_event": _Form("Refund a call", "Refund", "Gives back what a call was charged.", _refund_event),
    "user_add": _Form("Add a user", "Add", "A member of the account; calls may name others, too.", _add_user),
    "user_remove": _Form("Remove the user", "Remove", "Name and address are forgotten; the calls stay.", _nothing),
    "key_create": _Form("New key", "Make the key", "Its secret is shown once.", _create_key),
    "key_rotate": _Form("Rotate the key", "Rotate", "Makes a key in its place, shown once.", _rotate_key),
    "key_revoke": _Form("Revoke the key", "Revoke", "Calls with it are refused at once.", _nothing, True),
}

__all__ = ["NOT_ADMIN", "action_button", "allowed", "ask", "close", "done_note", "draw_dialog"]
