"""Where a command works: which repository, which database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sync.errors import RepositoryError
from sync.repository import Repository

if TYPE_CHECKING:
    from argparse import Namespace

    from sqlalchemy import Engine

DATABASE_VARIABLE = "RATECARD_DATABASE_URL"
ADMINS_VARIABLE = "RATECARD_ADMINS"
FOLDER = ".ratecard"
FILE = "ratecard.db"


def database_url(arguments: Namespace | None, repository: Repository | None) -> str:
    """`--database`, else RATECARD_DATABASE_URL, else the embedded database at the repository's top level.

    Raises RepositoryError when none of the three can be named.
    """
    named = getattr(arguments, "database", None) or os.environ.get(DATABASE_VARIABLE)
    if named:
        return str(named)
    if repository is None:
        try:
            repository = Repository.open()
        except RepositoryError:
            raise RepositoryError(
                f"no database is named and this is not a git repository; use --database or {DATABASE_VARIABLE}"
            ) from None
    return f"sqlite:///{repository.top / FOLDER / FILE}"


def prepare_folder(url: str) -> None:
    """Before the embedded database is made: its folder, with a .gitignore that keeps it out of every commit."""
    path = Path(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///") or path.parent.name != FOLDER:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    ignore = path.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


@contextmanager
def opened(url: str, *, create: bool = False) -> Iterator[Engine]:
    """An engine on `url`, disposed at the end. Only with `create=True` may a missing SQLite file be made."""
    from schema.database import make_engine

    if create:
        prepare_folder(url)
    engine = make_engine(url, create=create)
    try:
        yield engine
    finally:
        engine.dispose()


def path_from_top(folder: str) -> str:
    """A folder's path from the top level of the git repository around it; as it is given when there is none.

    Nothing of git is loaded for it.
    """
    path = Path(os.path.normpath(Path.cwd() / folder))
    for parent in (path, *path.parents):
        if (parent / ".git").exists():
            return path.relative_to(parent).as_posix()
    return folder


def environment_admins() -> tuple[str, ...]:
    """The addresses in RATECARD_ADMINS (separated by commas), in lower case."""
    names = os.environ.get(ADMINS_VARIABLE, "").split(",")
    return tuple(name.strip().lower() for name in names if name.strip())


def acting_person() -> str:
    """Who acts here: git's identity, as far as there is one, else the user of this host."""
    import getpass
    import socket

    try:
        person = Repository.open().identity()
    except RepositoryError:
        person = None
    return str(person or f"{getpass.getuser()}@{socket.gethostname()}")


__all__ = ["acting_person", "database_url", "environment_admins", "opened", "path_from_top", "prepare_folder"]
