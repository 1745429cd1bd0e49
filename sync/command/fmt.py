"""Put YAML into its canonical form, or check that it is; comments, order and quotes stay."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sync.command import add_common

if TYPE_CHECKING:
    from sync.fmt import Formatted


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not canonical")
    add_common(parser, database=False)


def run(arguments: argparse.Namespace) -> int:
    """Check, or rewrite the files that are not canonical."""
    from schema.errors import ConfigError
    from sync.errors import RefusedError
    from sync.fmt import format_files
    from sync.repository import work_tree_files

    found = format_files(work_tree_files(arguments.config), arguments.config)
    faults = [finding for file in found for finding in file.findings]
    if faults:
        raise ConfigError(faults)
    if not arguments.check:
        for file in found:
            _rewrite(Path(arguments.config) / file.path, file.data)
    _print(found, arguments.config, arguments.format, checked=arguments.check)
    if arguments.check and found:
        count = "1 file is" if len(found) == 1 else f"{len(found)} files are"
        raise RefusedError("NOT_CANONICAL", f"{count} not in canonical form; run `ratecard fmt`")
    return 0


def _rewrite(path: Path, data: bytes) -> None:
    """Replace a file at once, so that an interruption leaves the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".fmt-")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _print(found: list[Formatted], folder: str, form: str, *, checked: bool) -> None:
    if form == "json":
        files = [
            {
                "file": f"{folder}/{file.path}",
                "deviations": [{"what": one.what, "lines": list(one.lines)} for one in file.deviations],
            }
            for file in found
        ]
        print(json.dumps({"ok": not found or not checked, "files": files}, indent=2))
        return
    from schema.findings import printable

    for file in found:
        print(f"{folder}/{printable(file.path)}: {', '.join(map(str, file.deviations))}")
    if not found:
        print("every file is in canonical form")
