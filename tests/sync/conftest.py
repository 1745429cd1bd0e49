"""What tests of proposals share: a bare repository that several clones push to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MakeRepository


@pytest.fixture
def remote(
    make_repository: MakeRepository, small_config: dict[str, str], tmp_path: Path, run_git: Callable[..., str]
) -> Path:
    """A bare repository with the small configuration."""
    seed = make_repository(small_config)
    bare = tmp_path / "remote.git"
    run_git(seed, "clone", "--quiet", "--bare", str(seed), str(bare))
    return bare
