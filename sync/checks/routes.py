"""Routes: where they lead, that each provider has a default, and that no model is tried twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from schema.catalogue import Catalogue, Entity
from schema.documents import document_kind
from schema.documents.routing import DEFAULT_TASK
from schema.findings import Finding, Place, did_you_mean
from sync.checks.references import model_not_found, provider_not_found
from sync.checks.tree import Tree, leading, named_models


def check_routes(tree: Tree) -> Iterator[Finding]:
    """MODEL_NOT_FOUND, MODEL_INACTIVE and MODEL_IN_USE: where routes and their fallbacks lead."""
    catalogue = tree.catalogue
    seen: set[str] = set()
    routed_inactive: dict[str, dict[str, Entity]] = {}
    for entity in catalogue.of("route").values():
        provider = entity.key.name.partition("/")[0]
        if not catalogue.may_exist("provider", provider):
            if entity.source.file not in seen:
                seen.add(entity.source.file)
                yield provider_not_found(catalogue, provider, entity.source.place(("provider",)))
            continue
        for path, model, is_target in named_models(catalogue, entity):
            registered = catalogue.of("model").get(model)
            if registered is None:
                if not catalogue.may_exist("model", model):
                    yield model_not_found(catalogue, model, entity.place(*path))
            elif not registered.document.active and is_target:
                routed_inactive.setdefault(model, {})[entity.key.name] = entity
            elif not registered.document.active:
                yield Finding(
                    "MODEL_INACTIVE", f"{entity.key} falls back to {model}, which is inactive", entity.place(*path)
                )
    for model, by_name in routed_inactive.items():
        routes = list(by_name.values())
        message = f"{model} is inactive, but {leading(routes)} to it ({routes[0].place(key=True)})"
        yield Finding("MODEL_IN_USE", message, catalogue.of("model")[model].place("active"))


def check_targets(tree: Tree) -> Iterator[Finding]:
    """TARGET_TWICE and TYPE_MISMATCH: a model that a route has named already, or that does something else."""
    models = tree.catalogue.of("model")
    for entity in tree.catalogue.of("route").values():
        if entity.document.model is not None and not entity.document.fallbacks:
            continue
        seen: set[str] = set()
        first_type, first_model = "", ""
        for path, model, is_target in named_models(tree.catalogue, entity):
            kind = models[model].document.type if model in models else ""
            if model in seen:
                what = "splits to" if is_target else "falls back to"
                message = f"{entity.key} {what} {model}, which it has named before"
                yield Finding("TARGET_TWICE", message, entity.place(*path), "warning")
            elif kind and first_type and kind != first_type:
                message = f"{entity.key} leads to {first_model} ({first_type}) and to {model} ({kind})"
                yield Finding("TYPE_MISMATCH", message, entity.place(*path), "warning")
            seen.add(model)
            if kind and not first_type:
                first_type, first_model = kind, model


def check_tasks(catalogue: Catalogue) -> Iterator[Finding]:
    """UNKNOWN_TASK, or one MISSING_FILE when no file lists tasks at all."""
    routes = [entity for entity in catalogue.of("route").values() if _task(entity) != DEFAULT_TASK]
    if not catalogue.of("task"):
        if routes and catalogue.complete("task"):
            message = f"routes name tasks ({routes[0].key} and others), but no file lists them"
            yield Finding("MISSING_FILE", message, Place(catalogue.file("tasks.yaml")))
        return
    for entity in routes:
        task = _task(entity)
        if not catalogue.may_exist("task", task):
            hint = did_you_mean(task, catalogue.of("task"))
            yield Finding("UNKNOWN_TASK", f"'{task}' is not a task{hint}", entity.place(key=True))


def _task(route: Entity) -> str:
    return route.key.name.partition("/")[2]


def check_default_routes(catalogue: Catalogue) -> Iterator[Finding]:
    """NO_DEFAULT_ROUTE: a routing table without a route for the tasks that have no line of their own."""
    seen: set[str] = set()
    for file, source in catalogue.sources.items():
        path = PurePosixPath(file).relative_to(catalogue.folder)
        if document_kind(path.as_posix()) != "routing" or not isinstance(source.value, dict):
            continue
        provider = source.value.get("provider")
        if not isinstance(provider, str) or provider in seen:
            continue
        seen.add(provider)
        if not catalogue.may_exist("route", f"{provider}/{DEFAULT_TASK}"):
            message = f"the routing table of {provider} has no {DEFAULT_TASK}: tasks without a line have no model"
            yield Finding("NO_DEFAULT_ROUTE", message, source.place(("routes",), key=True))


__all__ = ["check_default_routes", "check_routes", "check_targets", "check_tasks"]
