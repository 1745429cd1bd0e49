"""Reconciling: our events beside what a provider or a gateway says was used.

`reading` opens a file and `shapes` turns its rows into `records` (LiteLLM's spend logs, the usage reports of OpenAI and
Anthropic, or a plain table); `naming` finds our names for their models; `ours` reads our events; `comparing` (pure)
finds what is missing, orphan, differing or suspicious. Nothing is written, and nothing is mended by itself.
"""

from __future__ import annotations

from metering.reconciling.comparing import Finding, Limits
from metering.reconciling.reconciling import Options, Report, reconcile

__all__ = ["Finding", "Limits", "Options", "Report", "reconcile"]
