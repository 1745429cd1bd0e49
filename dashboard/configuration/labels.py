"""Names of fields as people read them. Pure."""

from __future__ import annotations

_SPELLED = {"litellm": "LiteLLM", "mb": "MB", "url": "URL", "tpm": "TPM", "rpm": "RPM", "usd": "USD"}


def label_of(name: str) -> str:
    """`tokens_per_month` as `Tokens per month`, `file_size_mb` as `File size MB`."""
    words = words_of(name)
    return words[:1].upper() + words[1:]


def words_of(name: str) -> str:
    """The same within a sentence."""
    return " ".join(_SPELLED.get(word, word) for word in name.split("_"))


__all__ = ["label_of", "words_of"]
