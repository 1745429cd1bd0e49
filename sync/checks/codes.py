"""Every code that validation can report: its severity, its meaning, and what to do about it.

A code also has a minimum: what the policy's `severity` may lower it to. An error is refused for the sake of money or
because what it is about is left out of the tree, so hardly any can be lowered. A warning that tells of a price which is
wrong by a factor, or below cost, stays one; beside its entry, where a reviewer sees it, `accept` silences it.

`docs/checks.md` is `markdown()`; a test keeps it current and tells how to write it anew.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from schema.findings import Severity
from schema.units import UNITS

Level = Literal["off", "warning", "error"]


class Code(NamedTuple):
    """What stands in docs/checks.md about a code."""

    severity: Severity
    minimum: Level
    meaning: str
    advice: str


def _error(meaning: str, advice: str, minimum: Level = "error") -> Code:
    return Code("error", minimum, meaning, advice)


def _warning(meaning: str, advice: str, minimum: Level = "off") -> Code:
    return Code("warning", minimum, meaning, advice)


CODES: dict[str, Code] = {
    # The text of a file
    "YAML_SYNTAX": _error("The file is not valid YAML.", "Mend the line that is named."),
    "NOT_UTF8": _error("The file is not UTF-8.", "Save it as UTF-8."),
    "FILE_TOO_LARGE": _error("The file has more than 5 MB.", "Split it: a kind may have any number of files."),
    "TOO_DEEP": _error("Values are nested more than 50 levels deep.", "Write them flat."),
    "ANCHOR_EXPLOSION": _error("Aliases blow a small file up to a huge one.", "Write the values out."),
    "TAG": _error("A value has a YAML tag (`!name`).", "Remove the tag: values are read by their field."),
    "MERGE_KEY": _error("A mapping takes in another one by `<<`.", "Write the values out."),
    "BAD_KEY": _error("A key is a list or a mapping.", "Use plain text as the key."),
    "DUPLICATE_KEY": _error("A key stands twice in one mapping.", "Keep one of the two."),
    "EMPTY_FILE": _error("A file says nothing.", "Fill it or delete it: emptying it would remove its entities."),
    "CONTROL_CHARACTER": _error("An escape writes a control character into a text.", "Remove the escape."),
    "INVISIBLE_CHARACTER": _error(
        "A character that a reviewer cannot see, such as one that turns text around.", "Remove it."
    ),
    "SECRET_IN_YAML": _error(
        "A value looks like a key or a password.", "Name an environment variable instead; revoke the key."
    ),
    # The tree of files
    "EMPTY_CONFIG": _error("The folder holds no YAML.", "Name the right folder with --config."),
    "UNKNOWN_FILE": _error("A file is of no known kind, by its folder or name.", "Rename or move it."),
    "PATH_OUTSIDE": _error("A path leaves the folder, or a link stands in it.", "Put the file itself there."),
    "MISSING_FILE": _error("No file lists what others refer to.", "Write the file that is named.", "warning"),
    # The fields of a document
    "UNKNOWN_KEY": _error("A key that the document does not have.", "Take one of the keys that are listed."),
    "MISSING_KEY": _error("A key that must be there is not.", "Add it."),
    "WRONG_TYPE": _error("A value of another type than wanted.", "Write what the message asks for."),
    "BAD_VALUE": _error("A value that is not among those allowed.", "Take one of those listed."),
    "BAD_NAME": _error("A name with characters that it cannot have.", "Keep to the form that is told."),
    "EMPTY_VALUE": _error("A text or an amount that is empty.", "Fill it or remove the key."),
    "TOO_LONG": _error("A text that is too long.", "Shorten it."),
    "OUT_OF_RANGE": _error("A number outside of its range.", "Write one within it."),
    "NEGATIVE_AMOUNT": _error("A number that cannot be negative is.", "Write zero or more."),
    "TOO_MANY_DECIMALS": _error(
        "A number has more decimals than are kept: 6 per million and in factors, 9 in amounts, 12 per unit.",
        "Round it yourself: nothing is rounded silently.",
    ),
    "BAD_NUMBER": _error(
        "A number in a form that another reader could take for another amount.", "Write it as 1234.5."
    ),
    "BAD_DATE": _error("A date that is none.", "Write YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SSZ."),
    "UNKNOWN_UNIT": _error("A unit that does not exist.", f"Take one of {', '.join(UNITS)}."),
    "UNIT_TWICE": _error("A unit has a rate per million and a rate per unit.", "Keep one."),
    "TWO_CHARGES": _error("An entry has two of margin, charge and credits.", "Keep one."),
    "TIERS_NOT_RISING": _error("A context tier begins at or below the one before.", "Order them by `from`."),
    "ROUTE_TARGET": _error("A route names neither or both of a model and a split.", "Keep one."),
    "SPLIT_SUM": _error("The weights of a split do not sum to 100.", "Correct them."),
    # Duplicates over all files
    "DUPLICATE_MODEL": _error("A model stands twice.", "Keep one."),
    "DUPLICATE_PRICING": _error("A model has two entries of one date.", "Keep one."),
    "DUPLICATE_ROUTING": _error("A provider's task has two routes.", "Keep one."),
    "DUPLICATE_ENTRY": _error("An entity of another kind stands twice.", "Keep one."),
    "PERSON_TWICE": _error("A person has two roles.", "Keep the highest."),
    "ALIAS_TWICE": _error("An alias stands twice, or is the name of another model.", "Choose another one."),
    # References
    "PROVIDER_NOT_FOUND": _error("A provider that no registry file has.", "Correct it, or register it."),
    "MODEL_NOT_FOUND": _error("A model that is not registered.", "Correct it, or register it."),
    "MODEL_INACTIVE": _error("A fallback names an inactive model.", "Name another one, or activate it."),
    "MODEL_IN_USE": _error("An inactive model is routed.", "Change the routes first, or keep it active."),
    "UNKNOWN_TASK": _error("A route's task is not listed.", "Correct it, or list it in tasks.yaml.", "warning"),
    "UNKNOWN_PLAN": _error("A plan that does not exist.", "Correct it, or add it to plans.yaml."),
    "UNKNOWN_ACCESS_CLASS": _error(
        "An access class that settings do not list.", "Correct it, or list it in settings.access_classes."
    ),
    "UNKNOWN_CODE": _error(
        "A code that does not exist or cannot stand where it does.",
        "Take one of this page; only warnings are accepted.",
    ),
    "SEVERITY_TOO_LOW": _error("The policy lowers a code below its minimum.", "Keep to the minimum on this page."),
    # What must be there
    "NO_DEFAULT_ROUTE": _error("A routing table has no `_default`.", "Add it: other tasks have no model."),
    "LAST_PRICING": _error(
        "An active model has no price in force.", "Add an entry that is effective now, or set active: false."
    ),
    "MISSING_UNIT": _error("A price lacks a unit that the model's type needs.", "Add its rate; 0 is a rate."),
    "UNIT_GAP": _error(
        "A price in force or to come of a routed model lacks a unit which the one before it has.",
        "Add its rate; 0 is a rate.",
    ),
    "MISSING_CHARGE": _error(
        "A list price or credit burn charges nothing for a unit that the cost names, or the reverse.",
        "Add its rate or its weight; 0 is a rate.",
    ),
    "NO_MARGIN": _error("An entry has no margin, charge or credits, and its file no default.", "Say what is charged."),
    "NO_EXCHANGE_RATE": _error("A currency without a rate in force.", "Add it to exchange_rates.yaml."),
    "ADMIN_EMAILS_PROTECTED": _error(
        "A person in RATECARD_ADMINS has a lower role.", "Remove the line, or change the variable first."
    ),
    # Slips in prices
    "THOUSANDFOLD": _warning(
        "A rate is about 1,000 times (or a thousandth of) its predecessor or, in a context tier, the rate below it.",
        "Look whether a price per 1,000, or per token, was typed as one per million.",
        "warning",
    ),
    "HUNDREDFOLD": _warning(
        "A rate is about 100 times (or a hundredth of) its predecessor or the rate of the tier below.",
        "Look whether cents were typed as dollars.",
        "warning",
    ),
    "TENFOLD_CHANGE": _warning(
        "A rate is 10 times (or a tenth of) its predecessor or the rate of the tier below, or more.",
        "Count the zeros.",
        "warning",
    ),
    "CHEAPER_THAN_HALF": _warning("A rate is less than half of its predecessor.", "Look again."),
    "FAR_FROM_LIST_PRICE": _warning(
        "A rate in force or to come is 10 times (or a tenth of) the list price that Ratecard comes with, or more.",
        "Compare it with the provider's page, and count the zeros.",
    ),
    "OUTPUT_CHEAPER_THAN_INPUT": _warning("Output costs less than input.", "Look whether they are swapped."),
    "CACHE_DEARER_THAN_INPUT": _warning(
        "Reading input from a cache costs more than input.", "Look whether they are swapped."
    ),
    "MARGIN_BELOW_ONE": _warning(
        "A margin below 1, for all or for a plan, sells below cost.",
        "Write the factor: a markup of 30 % is 1.3.",
        "warning",
    ),
    "MARGIN_ABOVE_TEN": _warning(
        "A margin, a list price or credit burn charges more than 10 times the cost.",
        "Write the factor, not a percentage: 30 % more is 1.3.",
        "warning",
    ),
    "CHARGE_BELOW_COST": _warning(
        "A list price is below cost, for some unit in some context tier.", "Look again.", "warning"
    ),
    "CREDITS_BELOW_COST": _warning(
        "Credit burn charges less than the cost for every unit, or less than a tenth of it for one.",
        "Raise the multiplier, or look at credit_burn and credits_per_dollar in the settings.",
        "warning",
    ),
    # Slips elsewhere
    "UNIT_DROPPED": _warning(
        "A later price of a model that is not routed lacks a unit which the one before it has.",
        "Add its rate, or accept that calls which use it are kept unpriced.",
    ),
    "TARGET_TWICE": _warning(
        "A route's split or fallbacks name a model that was named before.", "Name another one, or remove it."
    ),
    "TYPE_MISMATCH": _warning(
        "A route leads to models of different types, such as an llm and an embedding.", "Look again."
    ),
    "PLAN_INACTIVE": _warning("The default plan is inactive.", "Activate it, or name another one."),
    "PLAN_WITHOUT_MODELS": _warning(
        "A plan's access class opens no active model.", "Raise its access, or put a model into the class."
    ),
    "UNKNOWN_FEATURE": _warning(
        "A plan unlocks a feature that is spelled almost like another one.", "Correct it, or list it in features.yaml."
    ),
    "UNKNOWN_LIMIT": _warning("A limit is spelled almost like a quota, so nothing counts it.", "Correct it."),
    "ANNUAL_FEE": _warning(
        "A plan's fee for a year is more than 12 months cost, or less than 4 months.", "Look whether one is mistyped."
    ),
    "INCLUDED_FAR_ABOVE_FEE": _warning(
        "A paid plan includes 10 times the credit that it costs, or more.", "Look whether cents were typed as dollars."
    ),
    "PACK_FAR_FROM_FACE": _warning(
        "A credit pack's price is a third of what its credits are worth, or three times that, or more.",
        "Count the zeros.",
    ),
    "EXCHANGE_RATE_JUMP": _warning(
        "An exchange rate is twice (or half of) its predecessor, or more.", "Look whether it is turned around."
    ),
}
"""In the order of docs/checks.md."""

WARNINGS = tuple(code for code, told in CODES.items() if told.severity == "warning")


_INTRODUCTION = """\
# Checks

What `ratecard validate` can report. All faults are found in one pass, each with its file, line and column.
Errors refuse. This page is generated from `sync/checks/codes.py`.

- `accept: [CODE]` beside a price, a plan, a pack, a route or an exchange rate silences a warning about that entry.
- `severity: {CODE: error}` in `ratecard.yaml` makes a warning an error for the whole tree; `warning` and `off` lower a
  code, down to the minimum in the table. Anything lower is refused as `SEVERITY_TOO_LOW`. What could bill a wrong
  amount stays an error; a slip that moves a price by a factor, or below cost, stays a warning that only `accept`
  silences, in plain sight beside the price.

| code | severity | minimum | meaning | what to do |
|---|---|---|---|---|
"""


def markdown() -> str:
    """The text of docs/checks.md."""
    lines = [
        f"| `{code}` | {told.severity} | {told.minimum} | {told.meaning} | {told.advice} |\n"
        for code, told in CODES.items()
    ]
    return _INTRODUCTION + "".join(lines)


__all__ = ["CODES", "WARNINGS", "Code", "Level", "markdown"]
