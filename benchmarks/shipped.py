"""A database to which the shipped configuration has been applied by the real command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def apply_shipped(folder: Path, url: str) -> None:
    """Commit a copy of `config/` in a repository in `folder`, and apply it to the database at `url`."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "config", folder / "config", dirs_exist_ok=True)
    person = ("-c", "user.name=Price Desk", "-c", "user.email=prices@example.com")
    for words in (("init", "--quiet"), ("add", "--all"), (*person, "commit", "--quiet", "--message=Begin")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    command = [str(Path(sys.executable).parent / "ratecard"), "apply", "--yes", "--database", url]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
