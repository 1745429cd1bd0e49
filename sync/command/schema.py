"""Write, check or print the JSON Schemas that editors use for the YAML, and the reference of the YAML."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sync.command import EXIT_FINDING, add_common


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_common(parser, database=False)
    parser.add_argument("--out", metavar="DIR", help="the folder of the schemas (default: the package's own)")
    parser.add_argument("--docs", metavar="FILE", help="the reference of the YAML in Markdown, too")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    parser.add_argument("--kind", metavar="KIND", help="print the schema of one kind of document")


def run(arguments: argparse.Namespace) -> int:
    """Print one schema, or write or check the files."""
    from schema.documents import DOCUMENTS
    from schema.findings import did_you_mean
    from schema.json_schemas import render
    from sync.errors import SyncError, UsageError

    kind = arguments.kind
    if kind is not None:
        if arguments.out or arguments.docs or arguments.check:
            raise UsageError("--kind prints; it takes none of --out, --docs and --check")
        if kind not in DOCUMENTS:
            raise UsageError(f"'{kind}' is no kind of document{did_you_mean(kind, DOCUMENTS)}")
        print(render(kind), end="")
        return 0
    try:
        stale = _stale(arguments) if arguments.check else _write(arguments)
    except OSError as error:
        raise SyncError(f"cannot write {error.filename}: {error.strerror}") from None
    _tell(stale, check=arguments.check, as_json=arguments.format == "json")
    return EXIT_FINDING if arguments.check and stale else 0


def _folder(arguments: argparse.Namespace) -> Path:
    from schema.json_schemas import FOLDER

    return Path(arguments.out) if arguments.out else FOLDER


def _stale(arguments: argparse.Namespace) -> list[str]:
    from schema.field_tables import render_docs
    from schema.json_schemas import stale_files

    folder = _folder(arguments)
    stale = [str(folder / name) for name in stale_files(folder)]
    if arguments.docs:
        path = Path(arguments.docs)
        if not path.is_file() or path.read_text(encoding="utf-8") != render_docs():
            stale.append(str(path))
    return stale


def _write(arguments: argparse.Namespace) -> list[str]:
    from schema.field_tables import render_docs
    from schema.json_schemas import write

    stale = _stale(arguments)
    write(_folder(arguments))
    if arguments.docs in stale:
        path = Path(arguments.docs)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_docs(), encoding="utf-8", newline="\n")
    return stale


def _tell(stale: list[str], *, check: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"format_version": 1, "stale" if check else "written": stale}))
        return
    for name in stale:
        print(f"{name} is stale; run `ratecard schema`" if check else f"wrote {name}")
    if not stale:
        print("all files are current")
