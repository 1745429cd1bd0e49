"""Plans in files: `plan --out` freezes one, `apply --plan` applies exactly that one or refuses.

The file is evidence and no authority: apply makes the plan anew and refuses when it is another one, so an altered file
changes nothing that is applied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from schema.keys import moment_text
from sync.errors import PlanError
from sync.plan import FORMAT_VERSION, Plan

KIND = "ratecard plan"
_PARTS = ("kind", "format_version", "made_at", "database", "config_tree", "plan")


def write_plan(path: Path, plan: Plan, now: datetime) -> None:
    """Write a plan to a file. Raises PlanError when the file cannot be written."""
    told = {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "made_at": moment_text(now),
        "database": plan.database,
        "config_tree": plan.config_tree,
        "plan": plan.as_json(),
    }
    try:
        path.write_text(json.dumps({**told, "checksum": checksum(told)}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise PlanError(f"the plan cannot be written to {path}: {error.strerror}") from None


def read_plan(path: Path) -> dict[str, Any]:
    """A plan from a file. Raises PlanError when it is none, of another format, or altered."""
    try:
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise PlanError(f"the plan {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or told.get("kind") != KIND:
        raise PlanError(f"{path} is no plan; write one with `ratecard plan --out FILE`")
    if told.get("format_version") != FORMAT_VERSION:
        version = json.dumps(told.get("format_version"))
        raise PlanError(
            f"the plan {path} has the format {version[:20]}, and this program reads {FORMAT_VERSION};"
            " make the plan again"
        )
    whole = all(part in told for part in _PARTS) and _is_plan(told["plan"])
    if not whole or told.get("checksum") != checksum(told):
        raise PlanError(f"the plan {path} was altered after it was made; make it again with `ratecard plan --out`")
    return told


def _is_plan(plan: object) -> bool:
    """Whether a part of the file has the shape of a plan: a checksum can be made for anything."""
    if not isinstance(plan, dict):
        return False
    commit, release = plan.get("commit"), plan.get("release", "")
    named = isinstance(commit, str) and commit.isascii() and commit.isalnum()
    return named and (release is None or type(release) is int) and {"fingerprint", "changes"} <= plan.keys()


def check_plan(path: Path, told: Mapping[str, Any], fresh: Plan) -> None:
    """Raise PlanError, with the reason, unless a plan that was made just now is the one in the file."""
    planned = told["plan"]
    if told["database"] != fresh.database:
        raise _refused(path, "it was made for another database")
    if told["config_tree"] != fresh.config_tree:
        raise _refused(
            path,
            f"it was made for commit {planned['commit'][:12]}, and the config of commit {fresh.commit.sha[:12]}"
            " is another one",
        )
    if planned["release"] != fresh.base_release:
        raise _refused(
            path,
            f"it was made against {_release(planned['release'])}, and the database is at {_release(fresh.base_release)}"
            " by now",
        )
    if planned["fingerprint"] != fresh.fingerprint:
        raise _refused(path, "the configuration was edited in the database since it was made")
    if planned["changes"] != json.loads(json.dumps(fresh.as_json()["changes"])):
        raise PlanError(f"the plan {path} was altered after it was made; make it again with `ratecard plan --out`")


def _refused(path: Path, reason: str) -> PlanError:
    return PlanError(f"the plan {path} does not hold any more: {reason}; look at `ratecard plan` again")


def _release(number: int | None) -> str:
    return "a database without a release" if number is None else f"release {number}"


def checksum(told: Mapping[str, Any]) -> str:
    """What tells that a file of JSON was altered since it was written; its own part `checksum` does not count."""
    parts = {name: part for name, part in told.items() if name != "checksum"}
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


__all__ = ["check_plan", "checksum", "read_plan", "write_plan"]
