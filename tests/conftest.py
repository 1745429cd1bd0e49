"""What all tests share: databases, repositories, a small configuration, and the real command.

A test that asks for `engine`, `migrated_url` or `database_url` runs twice: on SQLite and on PostgreSQL. The server is
RATECARD_TEST_POSTGRES_URL when that is set, else one of our own that lives as long as the session.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Engine

from schema.database import make_engine
from tests.databases import Databases, Fill, PostgresqlDatabases, SqliteDatabases, postgresql_server
from tests.ready_command import ReadyCommand, ready_command
from tests.small_config import SMALL_CONFIG

MakeRepository = Callable[..., Path]
RunRatecard = Callable[..., "subprocess.CompletedProcess[str]"]

MEMORY = "/dev/shm"
MEMORY_BYTES = 3 * 2**30
TEST_POSTGRES_URL = os.environ.get("RATECARD_TEST_POSTGRES_URL")
SHARED_FOLDER = "PYTEST_RATECARD_FOLDER"
"""Tells the workers of a session where the server is that they share, and what else they do."""


def pytest_configure(config: pytest.Config) -> None:
    """Name the shared folder. It is none of pytest's own: those are closed to the user that runs the server."""
    if not hasattr(config, "workerinput"):
        memory = memory_folder()
        os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="ratecard-tests-", dir=memory)
        if memory and "TMPDIR" not in os.environ and not os.statvfs(memory).f_flag & os.ST_NOEXEC:
            os.environ["TMPDIR"] = memory
            tempfile.tempdir = None


def memory_folder() -> str | None:
    """A folder that is kept in memory and has room: files of a thousand databases take a tenth of the disk's time."""
    if not os.access(MEMORY, os.W_OK):
        return None
    state = os.statvfs(MEMORY)
    return MEMORY if state.f_bavail * state.f_frsize > MEMORY_BYTES else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the shared folder; the last process that used the server has stopped it."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(SHARED_FOLDER), ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test is a failure: what it would have shown was not seen."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and exitstatus == pytest.ExitCode.OK and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person's own git or Ratecard settings reaches a test."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "RATECARD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Files copied from one that is made once."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[PostgresqlDatabases]:
    """Databases of one server that all workers share."""
    if TEST_POSTGRES_URL:
        databases = PostgresqlDatabases(TEST_POSTGRES_URL)
        yield databases
        databases.close()
        return
    with postgresql_server(Path(os.environ[SHARED_FOLDER]) / "data") as url:
        databases = PostgresqlDatabases(url)
        yield databases
        databases.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The backend of the test's database."""
    return cast(str, request.param)


@pytest.fixture
def databases(backend: str, request: pytest.FixtureRequest) -> Databases:
    """What makes databases of the backend; a PostgreSQL server starts when the first test needs it."""
    return cast(Databases, request.getfixturevalue(f"{backend}_databases"))


@pytest.fixture
def database_url(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a new and empty database."""
    url = databases.fresh(tmp_path_factory.mktemp("empty"), migrated=False)
    yield url
    databases.drop(url)


@pytest.fixture
def fill() -> Fill | None:
    """What writes the first rows of `migrated_url`; a folder's own conftest may name it."""
    return None


@pytest.fixture
def migrated_url(databases: Databases, fill: Fill | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a new database with all tables, and no rows but those of `fill`."""
    url = databases.fresh(tmp_path_factory.mktemp("migrated"), migrated=True, fill=fill)
    yield url
    databases.drop(url)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """An engine on the database of `migrated_url`."""
    engine = make_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture
def small_config() -> dict[str, str]:
    """Small valid documents by their path inside the config folder; a test may change its copy."""
    return dict(SMALL_CONFIG)


@pytest.fixture
def make_repository(tmp_path_factory: pytest.TempPathFactory) -> MakeRepository:
    """`make_repository(files, folder="config", others={})`: a new git repository with one commit on `main`.

    `files` go under the config folder, `others` to the top level. Its person is set in its own git configuration.
    """

    def make(
        files: Mapping[str, str | bytes], folder: str = "config", others: Mapping[str, str | bytes] | None = None
    ) -> Path:
        top = tmp_path_factory.mktemp("repository")
        written = {f"{folder}/{path}": content for path, content in files.items()} | dict(others or {})
        for path, content in written.items():
            target = top / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        git(top, "init", "--quiet", "--initial-branch=main")
        with (top / ".git" / "config").open("a") as settings:
            settings.write("[user]\n\tname = Price Desk\n\temail = prices@example.com\n")
        git(top, "add", "--all")
        git(top, "commit", "--quiet", "--allow-empty", "--message=Begin")
        return top

    return make


def git(top: Path, *words: str) -> str:
    """Run git in a repository; returns what it prints."""
    done = subprocess.run(["git", *words], cwd=top, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def run_git() -> Callable[..., str]:
    """`run_git(top, *words)`: run git in a repository; returns what it prints."""
    return git


@pytest.fixture(scope="session")
def ready() -> Iterator[ReadyCommand]:
    """What runs `ratecard` without the time that its imports take."""
    with ready_command() as ready:
        yield ready


@pytest.fixture
def run_ratecard(tmp_path: Path, ready: ReadyCommand) -> RunRatecard:
    """`run_ratecard(*words, cwd=…, env=…, stdin=…)`: run the command in a process; `env` adds to the environment."""

    def run(
        *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return ready.run(words, cwd or tmp_path, {**os.environ, **(env or {})}, stdin or "")

    return run
