"""Snapshots: what a plan needs of a database, in a file without names.

A pull request from a fork sees no database. It plans against a snapshot that the base branch exported: the current
configuration, and the usage summed up. Accounts are numbers; people, and models, tasks and users that callers made up,
are left out.
"""

from sync.snapshots.export import snapshot_database
from sync.snapshots.reading import Snapshot, plan_snapshot, read_snapshot

__all__ = ["Snapshot", "plan_snapshot", "read_snapshot", "snapshot_database"]
