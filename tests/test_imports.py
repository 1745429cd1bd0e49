"""Imports go down one staircase: dashboard -> sync -> metering -> schema; heavy ones wait until they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
STAIRCASE = ("schema", "metering", "sync", "dashboard")
MODULES = sorted(path for folder in STAIRCASE for path in (TOP / folder).rglob("*.py"))

ONLY_IN = {
    "streamlit": ("dashboard",),
    "altair": ("dashboard",),
    "git": ("sync",),
    "gitdb": ("sync",),
    "yaml": ("schema", "sync"),
    "alembic": ("schema",),
    "fastapi": ("metering",),
    "starlette": ("metering", "dashboard"),
    "uvicorn": ("metering",),
    "prometheus_client": ("metering",),
    "litellm": ("metering",),
    "stripe": ("metering",),
    "tests": (),
}
"""Packages that belong to some folders alone."""

HEAVY = (
    "pandas",
    "streamlit",
    "altair",
    "sqlalchemy",
    "alembic",
    "git",
    "numpy",
    "pydantic",
    "yaml",
    "psycopg",
    "tqdm",
    "fastapi",
    "uvicorn",
)


def _imports(path):
    """The modules that a file imports anywhere, with their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield str(node.module), node.lineno


def _name(path):
    return str(path.relative_to(TOP))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_go_down_the_staircase(path):
    own = STAIRCASE.index(path.relative_to(TOP).parts[0])
    upward = [
        f"{_name(path)}:{line} {name}" for name, line in _imports(path) if name.split(".")[0] in STAIRCASE[own + 1 :]
    ]
    assert upward == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_packages_stay_in_their_folders(path):
    own = path.relative_to(TOP).parts[0]
    strayed = [
        f"{_name(path)}:{line} {name}"
        for name, line in _imports(path)
        if own not in ONLY_IN.get(name.split(".")[0], STAIRCASE)
    ]
    assert strayed == []


def test_documents_know_no_database():
    for path in [*(TOP / "schema" / "documents").glob("*.py"), TOP / "schema" / "places.py"]:
        assert not any(name.split(".")[0] in ("sqlalchemy", "alembic") for name, _ in _imports(path)), _name(path)


def _loaded(code):
    """The top-level packages that a fresh interpreter has loaded after running `code`."""
    script = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=TOP)
    return set(done.stdout.splitlines()[-1].split())


def test_the_frame_of_the_command_line_imports_nothing_heavy():
    loaded = _loaded("import sync.command; sync.command.main(['--help'])")
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (TOP / "sync" / "command").glob("*.py") if path.stem != "__init__")
)
def test_the_help_of_a_command_imports_nothing_heavy(name):
    loaded = _loaded(f"import sync.command; sync.command.build_parser({name!r})")
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))


def test_documents_import_no_database():
    loaded = _loaded("import schema.documents, schema.places, schema.catalogue")
    assert loaded.isdisjoint({"sqlalchemy", "alembic", "psycopg", "pandas", "git"})


def test_schema_is_ours(tmp_path):
    """There is another package of that name on PyPI, and Streamlit puts `dashboard/` first on the path."""
    script = "import schema, metering, sync; print(schema.__file__, metering.__file__, sync.__file__, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == [str(TOP / name / "__init__.py") for name in ("schema", "metering", "sync")]
    assert {path.stem for path in (TOP / "dashboard").iterdir()}.isdisjoint(STAIRCASE)
