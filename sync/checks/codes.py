"""Every code that validation can report: its severity, its meaning, and what to do about it.

`docs/checks.md` is `markdown()`; a test keeps it current and tells how to write it anew.
"""

from __future__ import annotations

from typing import NamedTuple

from schema.findings import Severity
from schema.units import UNITS


class Code(NamedTuple):
    """What stands in docs/checks.md about a code."""

    severity: Severity
    meaning: str
    advice: str


CODES: dict[str, Code] = {
    # The text of a file
    "YAML_SYNTAX": Code("error", "The file is not valid YAML.", "Mend the line that is named."),
    "NOT_UTF8": Code("error", "The file is not UTF-8.", "Save it as UTF-8."),
    "FILE_TOO_LARGE": Code("error", "The file has more than 5 MB.", "Split it: a kind may have any number of files."),
    "TOO_DEEP": Code("error", "Values are nested more than 50 levels deep.", "Write them flat."),
    "ANCHOR_EXPLOSION": Code("error", "Aliases blow a small file up to a huge one.", "Write the values out."),
    "TAG": Code("error", "A value has a YAML tag (`!name`).", "Remove the tag: values are read by their field."),
    "MERGE_KEY": Code("error", "A mapping takes in another one by `<<`.", "Write the values out."),
    "BAD_KEY": Code("error", "A key is a list or a mapping.", "Use plain text as the key."),
    "DUPLICATE_KEY": Code("error", "A key stands twice in one mapping.", "Keep one of the two."),
    "EMPTY_FILE": Code("error", "A file says nothing.", "Fill it or delete it: emptying it would remove its entities."),
    "CONTROL_CHARACTER": Code("error", "An escape writes a control character into a text.", "Remove the escape."),
    "SECRET_IN_YAML": Code(
        "error", "A value looks like a key or a password.", "Name an environment variable instead; revoke the key."
    ),
    # The tree of files
    "EMPTY_CONFIG": Code("error", "The folder holds no YAML.", "Name the right folder with --config."),
    "UNKNOWN_FILE": Code("error", "A file is of no known kind, by its folder or name.", "Rename or move it."),
    "PATH_OUTSIDE": Code("error", "A path leaves the folder, or a link stands in it.", "Put the file itself there."),
    "MISSING_FILE": Code("error", "No file lists what others refer to.", "Write the file that is named."),
    # The fields of a document
    "UNKNOWN_KEY": Code("error", "A key that the document does not have.", "Take one of the keys that are listed."),
    "MISSING_KEY": Code("error", "A key that must be there is not.", "Add it."),
    "WRONG_TYPE": Code("error", "A value of another type than wanted.", "Write what the message asks for."),
    "BAD_VALUE": Code("error", "A value that is not among those allowed.", "Take one of those listed."),
    "BAD_NAME": Code("error", "A name with characters that it cannot have.", "Keep to the form that is told."),
    "EMPTY_VALUE": Code("error", "A text that is empty.", "Fill it or remove the key."),
    "TOO_LONG": Code("error", "A text that is too long.", "Shorten it."),
    "OUT_OF_RANGE": Code("error", "A number outside of its range.", "Write one within it."),
    "NEGATIVE_AMOUNT": Code("error", "A number that cannot be negative is.", "Write zero or more."),
    "TOO_MANY_DECIMALS": Code(
        "error",
        "A number has more decimals than are kept: 6 per million and in factors, 9 in amounts, 12 per unit.",
        "Round it yourself: nothing is rounded silently.",
    ),
    "BAD_DATE": Code("error", "A date that is none.", "Write YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SSZ."),
    "UNKNOWN_UNIT": Code("error", "A unit that does not exist.", f"Take one of {', '.join(UNITS)}."),
    "UNIT_TWICE": Code("error", "A unit has a rate per million and a rate per unit.", "Keep one."),
    "TWO_CHARGES": Code("error", "An entry has two of margin, charge and credits.", "Keep one."),
    "TIERS_NOT_RISING": Code("error", "A context tier begins at or below the one before.", "Order them by `from`."),
    "ROUTE_TARGET": Code("error", "A route names neither or both of a model and a split.", "Keep one."),
    "SPLIT_SUM": Code("error", "The weights of a split do not sum to 100.", "Correct them."),
    # Duplicates over all files
    "DUPLICATE_MODEL": Code("error", "A model stands twice.", "Keep one."),
    "DUPLICATE_PRICING": Code("error", "A model has two entries of one date.", "Keep one."),
    "DUPLICATE_ROUTING": Code("error", "A provider's task has two routes.", "Keep one."),
    "DUPLICATE_ENTRY": Code("error", "An entity of another kind stands twice.", "Keep one."),
    "PERSON_TWICE": Code("error", "A person has two roles.", "Keep the highest."),
    "ALIAS_TWICE": Code("error", "An alias stands twice, or is the name of another model.", "Choose another one."),
    # References
    "PROVIDER_NOT_FOUND": Code("error", "A provider that no registry file has.", "Correct it, or register it."),
    "MODEL_NOT_FOUND": Code("error", "A model that is not registered.", "Correct it, or register it."),
    "MODEL_INACTIVE": Code("error", "A fallback names an inactive model.", "Name another one, or activate it."),
    "MODEL_IN_USE": Code("error", "An inactive model is routed.", "Change the routes first, or keep it active."),
    "UNKNOWN_TASK": Code("error", "A route's task is not listed.", "Correct it, or list it in tasks.yaml."),
    "UNKNOWN_PLAN": Code("error", "A plan that does not exist.", "Correct it, or add it to plans.yaml."),
    "UNKNOWN_ACCESS_CLASS": Code(
        "error", "An access class that settings do not list.", "Correct it, or list it in settings.access_classes."
    ),
    "UNKNOWN_CODE": Code("error", "An accepted or raised code that is no warning.", "Take a warning of this page."),
    # What must be there
    "NO_DEFAULT_ROUTE": Code("error", "A routing table has no `_default`.", "Add it: other tasks have no model."),
    "LAST_PRICING": Code(
        "error", "An active model has no price in force.", "Add an entry that is effective now, or set active: false."
    ),
    "MISSING_UNIT": Code("error", "A price lacks a unit that the model's type needs.", "Add its rate; 0 is a rate."),
    "NO_MARGIN": Code(
        "error", "An entry has no margin, charge or credits, and its file no default.", "Say what is charged."
    ),
    "NO_EXCHANGE_RATE": Code("error", "A currency without a rate in force.", "Add it to exchange_rates.yaml."),
    "ADMIN_EMAILS_PROTECTED": Code(
        "error", "A person in RATECARD_ADMINS has a lower role.", "Remove the line, or change the variable first."
    ),
    # Slips
    "THOUSANDFOLD": Code(
        "warning",
        "A rate is 1,000 times (or a thousandth of) its predecessor.",
        "Look whether a price per 1,000 was typed as one per million.",
    ),
    "TENFOLD_CHANGE": Code(
        "warning", "A rate is 10 times (or a tenth of) its predecessor, or more.", "Count the zeros."
    ),
    "CHEAPER_THAN_HALF": Code("warning", "A rate is less than half of its predecessor.", "Look again."),
    "OUTPUT_CHEAPER_THAN_INPUT": Code("warning", "Output costs less than input.", "Look whether they are swapped."),
    "MARGIN_BELOW_ONE": Code("warning", "A margin below 1 sells below cost.", "Look again."),
    "CHARGE_BELOW_COST": Code("warning", "A list price is below cost.", "Look again."),
    "UNKNOWN_LIMIT": Code("warning", "A limit is spelled almost like a quota, so nothing counts it.", "Correct it."),
}
"""In the order of docs/checks.md."""

WARNINGS = tuple(code for code, told in CODES.items() if told.severity == "warning")


def markdown() -> str:
    """The text of docs/checks.md."""
    lines = [
        "# Checks",
        "",
        "What `ratecard validate` can report. All faults are found in one pass, each with its file, line and column.",
        "Errors refuse; a warning is silenced by `accept: [CODE]` beside the price entry it is about, and becomes an",
        "error by `severity: {CODE: error}` in `ratecard.yaml`. This page is generated from `sync/checks/codes.py`.",
        "",
        "| code | severity | meaning | what to do |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{code}` | {told.severity} | {told.meaning} | {told.advice} |" for code, told in CODES.items()]
    return "\n".join(lines) + "\n"


__all__ = ["CODES", "WARNINGS", "Code", "markdown"]
