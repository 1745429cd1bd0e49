"""Validation: every fault of a tree of documents in one pass.

`schema.catalogue` reads the documents and finds what is wrong within each; the modules here look at the tree as a
whole. Each check is a small generator of findings; `codes` says what every code means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schema.catalogue import Catalogue, load_catalogue
from schema.findings import Finding, Place
from sync.checks import below_cost, completeness, coverage, list_prices, plans, references, routes, slips
from sync.checks.accepted import check_codes, weigh
from sync.checks.tree import Tree

_CHECKS: tuple[Callable[[Catalogue], Iterator[Finding]], ...] = (
    references.check_plans,
    references.check_access_classes,
    routes.check_tasks,
    routes.check_default_routes,
    completeness.check_margins,
    completeness.check_aliases,
    coverage.check_charged_units,
    plans.check_limits,
    plans.check_features,
    plans.check_default_plan,
    plans.check_open_models,
    plans.check_fees,
    plans.check_packs,
    slips.check_tiers,
    slips.check_exchange_rates,
    below_cost.check_margins_out_of_range,
    below_cost.check_charges,
    check_codes,
)
_TREE_CHECKS: tuple[Callable[[Tree], Iterator[Finding]], ...] = (
    references.check_price_models,
    routes.check_routes,
    routes.check_targets,
    references.check_currencies,
    completeness.check_last_pricing,
    completeness.check_units,
    coverage.check_unit_gaps,
    slips.check_predecessors,
    slips.check_order,
    list_prices.check_list_prices,
)


@dataclass(frozen=True, slots=True)
class Validation:
    """What validation found: errors refuse, warnings ask to look again. Both are in the order of files and lines."""

    catalogue: Catalogue
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    counts: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors


def check_catalogue(catalogue: Catalogue, *, now: datetime, environment_admins: Sequence[str] = ()) -> list[Finding]:
    """The faults of the tree as a whole. `now` decides which prices and rates are in force."""
    findings: list[Finding] = []
    for check in _CHECKS:
        findings += check(catalogue)
    tree = Tree.of(catalogue, now)
    for tree_check in _TREE_CHECKS:
        findings += tree_check(tree)
    findings += completeness.check_people(catalogue, environment_admins)
    return list(weigh(catalogue, findings))


def validate_files(
    files: Mapping[str, bytes], folder: str, now: datetime, environment_admins: Sequence[str] = ()
) -> Validation:
    """Read and check all documents. `files` maps paths inside the folder to contents."""
    catalogue, findings = load_catalogue(files, folder)
    if not catalogue.sources and not findings:
        message = f"{folder}/ holds no YAML: write {folder}/registry/PROVIDER.yaml first, or name another --config"
        findings.append(Finding("EMPTY_CONFIG", message, Place(folder)))
    findings += check_catalogue(catalogue, now=now, environment_admins=environment_admins)
    return Validation(
        catalogue,
        _ordered(finding for finding in findings if finding.severity == "error"),
        _ordered(finding for finding in findings if finding.severity == "warning"),
        catalogue.counts(),
    )


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: (finding.place, finding.code, finding.message)))


__all__ = ["Validation", "check_catalogue", "validate_files"]
