"""The target of plan, apply and drift: a commit whose config is valid, and the rows it says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from schema.errors import ConfigError
from sync.checks import validate_files
from sync.desired import desired_rows
from sync.plan import Entity, Target
from sync.repository import Repository


def load_target(
    repository: Repository, ref: str, folder: str, *, now: datetime, environment_admins: Sequence[str] = ()
) -> Target:
    """Read and validate a folder at a commit; the work tree is not looked at.

    Raises RepositoryError when git has no such commit or folder, ConfigError with every finding when it is not valid.
    """
    commit = repository.commit(ref)
    files = repository.config_files(commit.sha, folder)
    validation = validate_files(files, folder, now, environment_admins)
    if not validation.ok:
        raise ConfigError(validation.errors)

    def follows(earlier: str) -> bool | None:
        if repository.knows(earlier):
            return repository.is_ancestor(earlier, commit.sha)
        # A commit that the whole history does not hold was squashed. A shallow clone cannot tell that from a step back.
        return None if repository.is_shallow() else True

    def touched(earlier: str) -> list[Entity] | None:
        if not repository.knows(earlier):
            return None
        catalogue = validation.catalogue
        changed = {catalogue.file(path) for path in repository.changed_files(earlier, commit.sha, folder)}
        return [
            (kind, name)
            for kind, entities in catalogue.entities.items()
            for name, entity in entities.items()
            if entity.source.file in changed
        ]

    tree = repository.config_tree(commit.sha, folder)
    return Target(commit, tree, desired_rows(validation.catalogue), follows, touched)


__all__ = ["load_target"]
