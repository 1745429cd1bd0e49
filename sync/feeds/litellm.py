"""LiteLLM's price list: the file of the installed package, or one of the same form. LiteLLM itself is never imported.

An entry is a flat mapping; prices are USD per token, character, image, second and so on, read as decimals from their
text. Every field whose name speaks of cost is either a unit here, or named with the reason why not.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sync.errors import SyncError
from sync.feeds.listing import Feed, FeedModel, ListPrice, ListTier, Reason, is_name, ordered, printable, rated
from sync.feeds.names import canonical_provider

URL = "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json"
PACKAGE = "litellm"
FILE = "model_prices_and_context_window_backup.json"

_MILLION = 1_000_000
_TOKENS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "input_cost_per_token_cache_hit": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "ocr_cost_per_page": "page",
    "input_cost_per_query": "request",
    "input_cost_per_request": "request",
    "output_cost_per_video_per_second": "video_second",
}
"""Fields whose unit is ours, whatever the model does."""
_BY_MODE = {
    ("input_cost_per_character", "audio_speech"): "character",
    ("input_cost_per_second", "audio_transcription"): "audio_minute",
    ("output_cost_per_second", "audio_transcription"): "audio_minute",
    ("output_cost_per_second", "video_generation"): "video_second",
    ("output_cost_per_image", "image_generation"): "image",
    ("output_cost_per_image", "image_edit"): "image",
    ("output_cost_per_image", "chat"): "image",
    ("input_cost_per_image", "image_generation"): "image",
}
"""Fields whose unit depends on what the model does."""
_SECONDS_A_UNIT = {"audio_minute": 60, "video_second": 1}
_BESIDE = {
    "input_cost_per_image_token": ("IMAGE_TOKENS", "input"),
    "output_cost_per_image_token": ("IMAGE_TOKENS", "output"),
    "output_cost_per_video_token": ("VIDEO_TOKENS", "output"),
}
"""Fields whose tokens count as another unit here."""
_UNSAID = (
    (r".*_(batches|flex|priority)", "SERVICE_TIER"),
    (r"regional_processing_uplift_.*", "REGIONAL"),
    (r"search_context_cost_per_query|code_interpreter_.*|computer_use_.*|file_search_.*|vector_store_.*", "TOOLS"),
    (r"(in|out)put_dbu_cost_per_token|ocr_cost_per_credit", "OTHER_CURRENCY"),
    (r"(in|out)put_cost_per_pixel", "PIXELS"),
    (r"(in|out)put_cost_per_character(_above_.*)?", "BY_CHARACTER"),
    (r"output_cost_per_second_.+", "VIDEO_SIZE"),
    (r"input_cost_per_video_per_second(_above_.*)?", "VIDEO_INPUT"),
    (r"input_cost_per_image(_above_.*)?", "IMAGE_INPUT"),
    (r"input_cost_per_audio_per_second(_above_.*)?", "BY_TIME"),
    (r"cache_(read|creation)_input_audio_token_cost", "CACHED_AUDIO"),
    (r"citation_cost_per_token", "CITATIONS"),
    (r"annotation_cost_per_page", "ANNOTATIONS"),
)
_ABOVE = re.compile(r"(.+)_above_([0-9]+)k_tokens")
_SECOND_HAND = frozenset(
    {"codestral", "palm", "text-completion-codestral", "text-completion-openai", "vertex", "vertex_ai"}
)
"""Spellings under which a provider offers again what another one offers first hand."""


def read_package() -> Feed:
    """The list that came with the installed LiteLLM. Raises SyncError when it is not installed."""
    from sync.feeds.opening import read_json

    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise SyncError(
            "litellm is not installed; run `pip install litellm`, or name the file of its list: --from FILE"
        )
    path = Path(found.origin).parent / FILE
    document = read_json(path)
    if not isinstance(document, dict):
        raise SyncError(f"{path} holds no list of prices")
    return read_document(document, f"{PACKAGE} {version(PACKAGE)}", URL)


def read_document(document: Mapping[str, Any], title: str, url: str) -> Feed:
    """The list that JSON holds, its numbers read as decimals. Never fails: what cannot be said has its reason."""
    models: list[FeedModel] = []
    outside: list[tuple[str, Reason]] = []
    for key, entry in document.items():
        provider = entry.get("litellm_provider") if isinstance(entry, dict) else None
        if key == "sample_spec" or not isinstance(provider, str) or not is_name(key):
            outside.append((printable(key), Reason("NOT_A_MODEL", "")))
        else:
            models.append(_read_entry(key, provider, entry))
    return Feed(title, url, tuple(models), tuple(outside))


def _read_entry(key: str, provider: str, entry: Mapping[str, Any]) -> FeedModel:
    reasons: dict[Reason, None] = {}
    price = _price(entry, reasons)
    if not price.rates and not reasons:
        reasons[Reason("NO_PRICE", "")] = None
    if price.rates and not any(price.rates.values()):
        reasons[Reason("FREE", "")] = None
    canonical = canonical_provider(provider)
    name = _own_name(key, canonical)
    rank = 2 * (provider.startswith("vertex_ai-") or provider in _SECOND_HAND) + (name == key and "/" not in key)
    prices = (price,) if price.rates else ()
    return FeedModel(canonical, name, key, (name.lower(),), prices, tuple(reasons), rank)


def _own_name(key: str, provider: str) -> str:
    """The key without the provider before the slash: LiteLLM's way to say which one is to be called."""
    head, slash, rest = key.partition("/")
    return rest if slash and rest and canonical_provider(head) == provider else key


def _price(entry: Mapping[str, Any], reasons: dict[Reason, None]) -> ListPrice:
    rates: dict[str, Decimal] = {}
    tiers: dict[int, dict[str, Decimal]] = {}
    also: dict[str, tuple[Decimal, ...]] = {}
    slack: dict[str, Decimal] = {}
    for said, value in entry.items():
        field = printable(said)
        if field == "tiered_pricing":
            _read_ranges(value, rates, tiers, reasons)
            continue
        if field == "provider_specific_entry" and isinstance(value, dict):
            if any(isinstance(factor, Decimal | int) for factor in value.values()):
                reasons[Reason("SERVICE_TIER", field)] = None
            continue
        if "cost" not in field and "uplift" not in field:
            continue
        base, above = _threshold(field)
        unit, code = _unit_of(base, entry)
        if unit is None:
            reasons[Reason(code, field)] = None
            continue
        seconds = _SECONDS_A_UNIT.get(unit, 1) if base.endswith("_second") else 1
        rate, fault, _ = rated(value, _MILLION * seconds)
        if rate is None:
            reasons[Reason(fault, field)] = None
        elif code:
            reasons[Reason(code, field)] = None
            also[unit] = (*also.get(unit, ()), rate)
        elif above is not None:
            tiers.setdefault(above, {})[unit] = rate
        elif rates.get(unit):
            # Time that is heard and time that is put out are the same minutes, and one of the two bears the price.
            if rate not in (0, rates[unit]):
                also[unit] = (*also.get(unit, ()), rate)
        else:
            rates[unit] = rate
            if seconds > 1 or unit == "image":
                slack[unit] = _rounding(value) * _MILLION * seconds
    return ListPrice(None, ordered(rates), _listed(tiers), also, slack)


def _threshold(field: str) -> tuple[str, int | None]:
    """`x_above_128k_tokens` as `x` and 128,000; the field itself where it names no number of tokens."""
    match = _ABOVE.fullmatch(field)
    return (match[1], int(match[2]) * 1_000) if match else (field, None)


def _unit_of(field: str, entry: Mapping[str, Any]) -> tuple[str | None, str]:
    """The unit that a field prices, with a code when it prices it beside another; or None and why."""
    mode = str(entry.get("mode"))
    if field in _TOKENS:
        return _TOKENS[field], ""
    if field == "output_cost_per_image_token" and mode != "chat" and not entry.get("output_cost_per_token"):
        return "output", ""
    if field == "output_cost_per_second" and mode == "audio_speech" and not _counts_tokens(entry):
        return "audio_minute", ""
    if field == "input_cost_per_image" and "output_cost_per_image" in entry:
        return None, "IMAGE_INPUT"
    if (field, mode) in _BY_MODE:
        return _BY_MODE[field, mode], ""
    if field in _BESIDE:
        return _BESIDE[field][1], _BESIDE[field][0]
    if field in ("input_cost_per_second", "output_cost_per_second"):
        return None, "BY_TIME" if _counts_tokens(entry) else "RUNNING_TIME"
    return None, next((code for pattern, code in _UNSAID if re.fullmatch(pattern, field)), "UNKNOWN_FIELD")


def _counts_tokens(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("input_cost_per_token") or entry.get("output_cost_per_token"))


def _read_ranges(
    value: Any, rates: dict[str, Decimal], tiers: dict[int, dict[str, Decimal]], reasons: dict[Reason, None]
) -> None:
    """`tiered_pricing`: a list of prices, each for calls whose input lies in a range of tokens."""
    for part in value if isinstance(value, list) else [value]:
        start = _start(part)
        if start is None:
            by_results = isinstance(part, dict) and "max_results_range" in part
            reasons[Reason("RESULTS" if by_results else "UNKNOWN_FIELD", "tiered_pricing")] = None
            continue
        target = tiers.setdefault(start, {}) if start else rates
        for field, number in part.items():
            if "cost" not in field:
                continue
            unit = _TOKENS.get(field)
            rate, code, _ = rated(number, _MILLION)
            if unit is None or rate is None:
                reasons[Reason(code or "UNKNOWN_FIELD", f"tiered_pricing.{printable(field)}")] = None
            else:
                target[unit] = rate


def _start(part: Any) -> int | None:
    bounds = part.get("range") if isinstance(part, dict) else None
    first = bounds[0] if isinstance(bounds, list) and bounds else None
    if isinstance(first, bool) or not isinstance(first, Decimal | int):
        return None
    number = Decimal(first)
    whole = number.is_finite() and 0 <= number <= 2**53 and number == number.to_integral()
    return int(number) if whole else None


def _rounding(value: Decimal | int) -> Decimal:
    """Half of the last place of a number that may well be rounded: when that is at most 1.5 % of it."""
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    half = Decimal(5).scaleb(exponent - 1) if isinstance(exponent, int) else Decimal(0)
    return half if half * 200 <= number * 3 else Decimal(0)


def _listed(tiers: Mapping[int, Mapping[str, Decimal]]) -> tuple[ListTier, ...]:
    return tuple(ListTier(above, ordered(tiers[above])) for above in sorted(tiers))
