"""Names of fields as people read them. Pure."""

from __future__ import annotations

_SPELLED = {"litellm": "LiteLLM", "mb": "MB", "url": "URL", "tpm": "TPM", "rpm": "RPM", "usd": "USD"}


def label_of(name: str) -> str:
    """`tokens_per_month` as `Tokens per month`, `file_size_mb` as `File size MB`."""
    words = " ".join(_SPELLED.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


__all__ = ["label_of"]
