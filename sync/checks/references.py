"""References: what names a model, a plan, an access class or a currency names one that exists (routes: `routes`)."""

from __future__ import annotations

from collections.abc import Iterator

from schema.catalogue import Catalogue
from schema.documents.settings import DEFAULT_SETTINGS
from schema.findings import Finding, Place, did_you_mean
from schema.keys import split_dated
from schema.places import Path
from sync.checks.tree import Tree


def check_price_models(tree: Tree) -> Iterator[Finding]:
    """PROVIDER_NOT_FOUND once a file, MODEL_NOT_FOUND once a model: prices of what is not registered."""
    catalogue = tree.catalogue
    seen: set[tuple[str, str]] = set()
    for model, history in tree.histories.items():
        if catalogue.may_exist("model", model):
            continue
        provider, _, bare = model.partition("/")
        if catalogue.may_exist("provider", provider):
            yield model_not_found(catalogue, model, history[0].source.place(("prices", bare), key=True))
            continue
        for entity in history:
            if (provider, entity.source.file) not in seen:
                seen.add((provider, entity.source.file))
                yield provider_not_found(catalogue, provider, entity.source.place(("provider",)))


def model_not_found(catalogue: Catalogue, model: str, place: Place) -> Finding:
    """The finding, with the model that was probably meant."""
    provider, _, bare = model.partition("/")
    owners = [entity.key.name for entity in catalogue.of("model").values() if bare in entity.document.aliases]
    if owners:
        hint = f"; '{bare}' is an alias of {owners[0]}: write the model's name"
    else:
        own = {name.partition("/")[2]: name for name in catalogue.of("model") if name.startswith(f"{provider}/")}
        hint = did_you_mean(bare, own) or did_you_mean(model, catalogue.of("model"))
    return Finding("MODEL_NOT_FOUND", f"{model} is not registered{hint}", place)


def provider_not_found(catalogue: Catalogue, provider: str, place: Place) -> Finding:
    """The finding, with the provider that was probably meant."""
    hint = did_you_mean(provider, catalogue.of("provider"))
    return Finding("PROVIDER_NOT_FOUND", f"the provider '{provider}' is in no registry file{hint}", place)


def check_plans(catalogue: Catalogue) -> Iterator[Finding]:
    """UNKNOWN_PLAN: in margins, in features and in the settings."""
    for plan, place in _named_plans(catalogue):
        if not catalogue.may_exist("plan", plan):
            hint = did_you_mean(plan, catalogue.of("plan"))
            yield Finding("UNKNOWN_PLAN", f"'{plan}' is not a plan{hint}", place)


def _named_plans(catalogue: Catalogue) -> Iterator[tuple[str, Place]]:
    defaults_seen: set[str] = set()
    for entity in catalogue.of("price").values():
        margin = entity.document.margin
        if margin is not None and margin.plans:
            yield from ((plan, entity.place("margin", "plans", plan, key=True)) for plan in margin.plans)
        defaults = entity.parent.defaults  # type: ignore[attr-defined]
        if defaults is not None and defaults.margin.plans and entity.source.file not in defaults_seen:
            defaults_seen.add(entity.source.file)
            path: Path = ("defaults", "margin", "plans")
            yield from ((plan, entity.source.place((*path, plan), key=True)) for plan in defaults.margin.plans)
    for entity in catalogue.of("feature").values():
        yield from ((plan, entity.place("plans", plan, key=True)) for plan in entity.document.plans)
    default = catalogue.of("setting").get("default_plan")
    if default is not None:
        yield default.document, default.place()


def check_access_classes(catalogue: Catalogue) -> Iterator[Finding]:
    """UNKNOWN_ACCESS_CLASS: of models and plans."""
    setting = catalogue.of("setting").get("access_classes")
    if setting is None and not catalogue.complete("setting"):
        return
    classes = DEFAULT_SETTINGS["access_classes"] if setting is None else setting.document
    for kind in ("model", "plan"):
        for entity in catalogue.of(kind).values():
            access = entity.document.access
            if access not in classes:
                hint = did_you_mean(access, classes)
                message = f"'{access}' is not an access class{hint} (known: {', '.join(classes)})"
                yield Finding("UNKNOWN_ACCESS_CLASS", message, entity.place("access"))


def check_currencies(tree: Tree) -> Iterator[Finding]:
    """NO_EXCHANGE_RATE: a currency that nothing converts from or to USD now."""
    catalogue, now = tree.catalogue, tree.now
    in_force = {split_dated(name)[0] for name, rate in catalogue.of("rate").items() if rate.document.effective <= now}
    named = [(entity.document.currency, entity.place("currency")) for entity in catalogue.of("plan").values()]
    named += [(entity.document.currency, entity.place("currency")) for entity in catalogue.of("pack").values()]
    setting = catalogue.of("setting").get("currency")
    if setting is not None:
        named.append((setting.document, setting.place()))
    for currency, place in named:
        known = {f"USD/{currency}", f"{currency}/USD"}
        if currency == "USD" or known & in_force or not catalogue.complete("rate"):
            continue
        message = f"no rate USD/{currency} is in force; add it to {catalogue.file('exchange_rates.yaml')}"
        yield Finding("NO_EXCHANGE_RATE", message, place)
