"""Usage objects of providers as units that do not overlap.

    from metering.adapters import anthropic_units

    receipt = meter.record(Usage(event_id=…, account=…, provider="anthropic", model=…, units=anthropic_units(message)))

Providers count differently: OpenAI and Gemini count cached tokens within the prompt, Anthropic beside it; OpenAI and
Anthropic count thinking within the output, Gemini beside it. Each adapter takes the response of the provider's official
Python library, its usage object, or the same as JSON, and gives whole units without those that are zero. None of the
libraries is imported. Counts that cannot be raise BadEventError: they would become a wrong bill.
"""

from __future__ import annotations

from metering.adapters.anthropic import anthropic_units
from metering.adapters.gemini import gemini_units
from metering.adapters.openai import openai_units

__all__ = ["anthropic_units", "gemini_units", "openai_units"]
