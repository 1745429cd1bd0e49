"""JSON Schemas (draft 2020-12) of the documents, for editors: completion, help and faults while typing.

They are generated from the documents and kept as files in `schema/json`, which YAML files name in their first line.
An editor sees a part of what `ratecard validate` sees: no schema says that a model exists or that weights sum to 100.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from schema.documents import DOCUMENTS
from schema.documents.descriptions import describe_documents
from schema.documents.settings import DEFAULT_SETTINGS

FOLDER = Path(__file__).parent / "json"
"""Where the files are kept."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def build(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of document as plain data."""
    describe_documents()
    schema = _tidy(DOCUMENTS[kind].model_json_schema(by_alias=True, mode="validation"))
    if kind == "settings":
        # A setting that no document sets is absent from the document, so its default stands elsewhere.
        for name, default in DEFAULT_SETTINGS.items():
            if default is not None and not isinstance(default, dict):
                schema["properties"][name]["default"] = default
    return {"$schema": DIALECT, **schema, "title": f"Ratecard: {kind}"}


def render(kind: str) -> str:
    """The text of `schema/json/KIND.json`."""
    return json.dumps(build(kind), indent=2, ensure_ascii=False) + "\n"


def render_all() -> dict[str, str]:
    """The text of every file by kind."""
    return {kind: render(kind) for kind in DOCUMENTS}


def stale_files(folder: Path) -> list[str]:
    """The names of files in `folder` that are missing, differ from what is generated, or belong to no kind."""
    wanted = {f"{kind}.json": text for kind, text in render_all().items()}
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")} if folder.is_dir() else {}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path) -> list[str]:
    """Write the files that are stale and remove those of no kind; returns their names. Raises OSError."""
    wanted = {f"{kind}.json": text for kind, text in render_all().items()}
    stale = stale_files(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()
    return stale


def _tidy(node: Any) -> Any:
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {name: _tidy(value) for name, value in node.items() if not (name == "default" and value is None)}
    if "patternProperties" in tidy:
        # pydantic leaves it open what names outside the pattern mean: to us they are faults.
        tidy.setdefault("additionalProperties", False)
    if tidy.get("type") == "number" and isinstance(tidy.get("default"), str):
        # pydantic writes the default of a decimal as text.
        tidy["default"] = _json_number(Decimal(tidy["default"]))
    return tidy


def _json_number(value: Decimal) -> int | float:
    # Only ever read by editors, as the hint of a default.
    return int(value) if value == value.to_integral_value() else float(value)
