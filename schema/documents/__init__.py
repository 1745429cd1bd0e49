"""Documents: a pydantic model for each kind of YAML file, all with `extra="forbid"`.

`DOCUMENTS` maps a kind of file to its model; `document_kind(path)` says which kind a file is, by its folder or name.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePosixPath

from schema.documents.access import AccessDocument
from schema.documents.base import Document
from schema.documents.commerce import CreditPacksDocument, FeaturesDocument
from schema.documents.plans import PlansDocument
from schema.documents.policy import PolicyDocument
from schema.documents.pricing import PricingDocument
from schema.documents.rates import ExchangeRatesDocument, ReasoningDocument, RunUnitsDocument
from schema.documents.registry import RegistryDocument
from schema.documents.routing import RoutingDocument, TasksDocument
from schema.documents.settings import SettingsDocument

DOCUMENTS: dict[str, type[Document]] = {
    "registry": RegistryDocument,
    "pricing": PricingDocument,
    "routing": RoutingDocument,
    "tasks": TasksDocument,
    "plans": PlansDocument,
    "credit_packs": CreditPacksDocument,
    "features": FeaturesDocument,
    "run_units": RunUnitsDocument,
    "reasoning": ReasoningDocument,
    "exchange_rates": ExchangeRatesDocument,
    "settings": SettingsDocument,
    "access": AccessDocument,
    "ratecard": PolicyDocument,
}


@lru_cache(maxsize=1024)
def document_kind(path: str) -> str | None:
    """The kind of a file by its path inside the config folder: its first folder's name, else its own stem."""
    pure = PurePosixPath(path)
    name = pure.parts[0] if len(pure.parts) > 1 else pure.stem
    return name if name in DOCUMENTS else None


__all__ = ["DOCUMENTS", "Document", "document_kind"]
