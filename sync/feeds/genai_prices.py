"""The genai-prices list: the installed package, or a `data.json` of its repository.

Both come down to the same shape, the one of the JSON: a price is a mapping of fields such as `input_mtok`, or a list of
such mappings with the day or the hours from which each holds. Nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from sync.errors import SyncError
from sync.feeds.listing import Feed, FeedModel, ListPrice, ListTier, Reason, is_name, ordered, printable, rated
from sync.feeds.names import canonical_provider

URL = "https://github.com/pydantic/genai-prices"
PACKAGE = "genai-prices"

_FIELDS = {
    "input_mtok": ("input", 1, 1),
    "input_text_mtok": ("input", 1, 1),
    "output_mtok": ("output", 1, 1),
    "output_text_mtok": ("output", 1, 1),
    "cache_read_mtok": ("cache_read", 1, 1),
    "cache_text_read_mtok": ("cache_read", 1, 1),
    "cache_write_mtok": ("cache_write", 1, 1),
    "cache_write_5m_mtok": ("cache_write", 1, 1),
    "cache_text_write_mtok": ("cache_write", 1, 1),
    "cache_write_1h_mtok": ("cache_write_1h", 1, 1),
    "output_reasoning_mtok": ("reasoning", 1, 1),
    "input_audio_mtok": ("audio_input", 1, 1),
    "output_audio_mtok": ("audio_output", 1, 1),
    "audio_hours": ("audio_minute", 1_000_000, 60),
    "input_audio_hours": ("audio_minute", 1_000_000, 60),
    "output_audio_hours": ("audio_minute", 1_000_000, 60),
    "input_mchars": ("character", 1, 1),
    "input_document_kpages": ("page", 1_000, 1),
    "requests_kcount": ("request", 1_000, 1),
    "rerank_searches_kcount": ("request", 1_000, 1),
}
"""Fields by the unit they price, with factor and divisor to USD per 1,000,000 units."""
_BESIDE = {
    "input_image_mtok": ("IMAGE_TOKENS", "input"),
    "output_image_mtok": ("IMAGE_TOKENS", "output"),
    "input_video_mtok": ("VIDEO_TOKENS", "input"),
    "output_video_mtok": ("VIDEO_TOKENS", "output"),
}
"""Fields whose tokens count as another unit here."""
_UNSAID = {
    "cache_audio_read_mtok": "CACHED_AUDIO",
    "cache_audio_write_mtok": "CACHED_AUDIO",
    "cache_image_read_mtok": "CACHED_IMAGE",
    "cache_image_write_mtok": "CACHED_IMAGE",
    "output_citation_mtok": "CITATIONS",
    "input_tool_mtok": "TOOLS",
    "input_text_messages_kcount": "MESSAGES",
    "input_gpixels": "PIXELS",
    "input_annotated_document_kpages": "ANNOTATIONS",
    "web_searches_kcount": "TOOLS",
    "social_searches_kcount": "TOOLS",
    "storage_searches_kcount": "TOOLS",
    "code_executions_kcount": "TOOLS",
}
YEARS = range(1970, 2200)
"""The years of which a document here may speak."""
_DEEPEST = 8
_CLAUSES = ("equals", "starts_with", "contains", "ends_with")


def read_package() -> Feed:
    """The list of the installed package. Raises SyncError when it is not installed."""
    try:
        from genai_prices.data import providers
    except ImportError:
        raise SyncError("genai-prices is not installed; run `pip install genai-prices`") from None
    raw = [{"id": provider.id, "models": [_raw_model(model) for model in provider.models]} for provider in providers]
    return read_document(raw, f"{PACKAGE} {version(PACKAGE)}", URL)


def read_document(document: list[Any], title: str, url: str) -> Feed:
    """The list that JSON holds, its numbers read as decimals."""
    models: list[FeedModel] = []
    outside: list[tuple[str, Reason]] = []
    for provider in document:
        name = provider.get("id") if isinstance(provider, dict) else None
        entries = provider.get("models") if isinstance(provider, dict) else None
        if not isinstance(name, str) or not is_name(name) or not isinstance(entries, list):
            outside.append((printable(name), Reason("NOT_A_MODEL", "")))
            continue
        read = []
        for entry in entries:
            if isinstance(entry, dict) and isinstance(entry.get("id"), str) and is_name(entry["id"]):
                read.append(_read_model(name, entry))
            else:
                outside.append((f"{name}/?", Reason("NOT_A_MODEL", "")))
        models += _without_shared_names(read)
    return Feed(title, url, tuple(models), tuple(outside), dated=True)


def _read_model(provider: str, entry: Mapping[str, Any]) -> FeedModel:
    name = entry["id"]
    reasons: dict[Reason, None] = {}
    prices = _prices(entry.get("prices"), reasons)
    if entry.get("price_variants"):
        reasons[Reason("SERVICE_TIER", "price_variants")] = None
    if not prices and not reasons:
        reasons[Reason("NO_PRICE", "")] = None
    if prices and not any(rate for price in prices for rate in price.rates.values()):
        reasons[Reason("FREE", "")] = None
    names = tuple(dict.fromkeys([name.lower(), *_names(entry.get("match"))]))
    return FeedModel(canonical_provider(provider), name, f"{provider}/{name}", names, tuple(prices), tuple(reasons))


def _without_shared_names(models: list[FeedModel]) -> list[FeedModel]:
    """Models whose further names are their own: a name that several claim means none of them, but for its own id."""
    claimed: dict[str, int] = {}
    for model in models:
        for name in model.names:
            claimed[name] = claimed.get(name, 0) + 1
    return [
        replace(model, names=tuple(name for name in model.names if claimed[name] == 1 or name == model.name.lower()))
        for model in models
    ]


def _names(clause: Any, depth: int = 0) -> Iterator[str]:
    """The texts that a model is matched by; what several conditions narrow down is no name."""
    if not isinstance(clause, dict) or depth > _DEEPEST:
        return
    for word in _CLAUSES:
        if isinstance(clause.get(word), str):
            yield clause[word].lower()
    parts = clause.get("or")
    for part in parts if isinstance(parts, list) else ():
        yield from _names(part, depth + 1)


def _prices(value: Any, reasons: dict[Reason, None]) -> list[ListPrice]:
    prices: list[ListPrice] = []
    for part in value if isinstance(value, list) else [{"prices": value}]:
        fields = part.get("prices") if isinstance(part, dict) else None
        if not isinstance(fields, dict):
            reasons[Reason("BAD_NUMBER", "prices")] = None
            continue
        constraint = part.get("constraint") or {}
        start = _day(constraint.get("start_date")) if isinstance(constraint, dict) else None
        price = _price(start, fields, reasons)
        if constraint and start is None:
            known = isinstance(constraint, dict) and "start_time" in constraint
            reasons[Reason("TIME_OF_DAY" if known else "UNKNOWN_FIELD", "constraint")] = None
            if prices and known:
                prices[-1] = _with_alternatives(prices[-1], price)
        elif price.rates:
            prices.append(price)
    # Not as the feed orders them: a later day wins wherever it stands.
    return sorted(prices, key=lambda price: price.start or date.min)


def _price(start: date | None, fields: Mapping[str, Any], reasons: dict[Reason, None]) -> ListPrice:
    rates: dict[str, Decimal] = {}
    tiers: dict[int, dict[str, Decimal]] = {}
    also: dict[str, tuple[Decimal, ...]] = {}
    slack: dict[str, Decimal] = {}
    for name, value in fields.items():
        if value is None:
            continue
        beside = _BESIDE.get(name)
        if name not in _FIELDS and beside is None:
            reasons[Reason(_UNSAID.get(name, "UNKNOWN_FIELD"), printable(name))] = None
            continue
        unit, factor, divisor = (beside[1], 1, 1) if beside else _FIELDS[name]
        base = value.get("base") if isinstance(value, dict) else value
        rate, code, rounded = rated(base, factor, divisor)
        if beside:
            reasons[Reason(beside[0], name)] = None
        if rate is None:
            reasons[Reason(code, name)] = None
            continue
        if rounded:
            reasons[Reason("ROUNDED", name)] = None
            slack[unit] = Decimal("0.000001")
        if beside or rates.get(unit, rate) != rate:
            also[unit] = (*also.get(unit, ()), rate)
        else:
            rates[unit] = rate
            _add_tiers(tiers, unit, value, name, reasons)
    return ListPrice(start, ordered(rates), _listed(tiers), also, slack)


def _add_tiers(
    tiers: dict[int, dict[str, Decimal]], unit: str, value: Any, name: str, reasons: dict[Reason, None]
) -> None:
    tiers_said = value.get("tiers") if isinstance(value, dict) else None
    for tier in tiers_said if isinstance(tiers_said, list) else ():
        start = tier.get("start") if isinstance(tier, dict) else None
        rate = rated(tier.get("price")).rate if isinstance(tier, dict) else None
        if not isinstance(start, int) or isinstance(start, bool) or start < 0 or rate is None:
            reasons[Reason("BAD_NUMBER", name)] = None
        else:
            tiers.setdefault(start, {})[unit] = rate


def _listed(tiers: Mapping[int, Mapping[str, Decimal]]) -> tuple[ListTier, ...]:
    return tuple(ListTier(above, ordered(tiers[above])) for above in sorted(tiers))


def _with_alternatives(price: ListPrice, other: ListPrice) -> ListPrice:
    also = {unit: (*price.also.get(unit, ()), rate) for unit, rate in other.rates.items()}
    return replace(price, also={**price.also, **also})


def _day(value: Any) -> date | None:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    usable = isinstance(day, date) and not isinstance(day, datetime) and day.year in YEARS
    return day if usable else None


def _raw_model(model: Any) -> dict[str, Any]:
    prices = model.prices
    return {
        "id": model.id,
        "match": _raw_clause(model.match),
        "prices": [_raw_part(part) for part in prices] if isinstance(prices, list) else _raw_fields(prices),
        "price_variants": bool(model.price_variants),
    }


def _raw_clause(clause: Any) -> dict[str, Any]:
    ((name, value),) = vars(clause).items()
    return {name.rstrip("_"): [_raw_clause(part) for part in value] if isinstance(value, list) else value}


def _raw_part(part: Any) -> dict[str, Any]:
    return {
        "constraint": None if part.constraint is None else dict(vars(part.constraint)),
        "prices": _raw_fields(part.prices),
    }


def _raw_fields(prices: Any) -> dict[str, Any]:
    return {name: _raw_price(value) for name, value in vars(prices).items()}


def _raw_price(value: Any) -> Any:
    if value is None or isinstance(value, Decimal):
        return value
    return {"base": value.base, "tiers": [{"start": tier.start, "price": tier.price} for tier in value.tiers]}
