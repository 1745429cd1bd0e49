"""`ratecard schema`."""

from __future__ import annotations

import json

from schema.documents import DOCUMENTS
from schema.field_tables import render_docs
from schema.json_schemas import render


def test_it_writes_checks_and_names_stale_files(run_ratecard, tmp_path):
    missing = run_ratecard("schema", "--check", "--out", "out")
    assert missing.returncode == 1
    assert len(missing.stdout.splitlines()) == len(DOCUMENTS)

    written = run_ratecard("schema", "--out", "out", "--docs", "docs/yaml.md")
    assert (written.returncode, written.stderr) == (0, "")
    assert "wrote out/plans.json" in written.stdout.splitlines()
    assert (tmp_path / "out" / "plans.json").read_text() == render("plans")
    assert (tmp_path / "docs" / "yaml.md").read_text() == render_docs()

    current = run_ratecard("schema", "--check", "--out", "out", "--docs", "docs/yaml.md")
    assert (current.returncode, current.stdout) == (0, "all files are current\n")

    (tmp_path / "out" / "plans.json").write_text("{}")
    (tmp_path / "docs" / "yaml.md").write_text("old")
    stale = run_ratecard("schema", "--check", "--out", "out", "--docs", "docs/yaml.md", "--format", "json")
    assert stale.returncode == 1
    assert json.loads(stale.stdout) == {"format_version": 1, "stale": ["out/plans.json", "docs/yaml.md"]}
    assert (tmp_path / "out" / "plans.json").read_text() == "{}"


def test_the_package_is_current(run_ratecard):
    assert run_ratecard("schema", "--check").returncode == 0


def test_it_prints_one_kind(run_ratecard):
    assert run_ratecard("schema", "--kind", "plans").stdout == render("plans")
    unknown = run_ratecard("schema", "--kind", "plan")
    assert unknown.returncode == 64
    assert unknown.stderr == "ratecard: 'plan' is no kind of document; did you mean 'plans'?\n"
    both = run_ratecard("schema", "--kind", "plans", "--check")
    assert (both.returncode, both.stdout) == (64, "")


def test_a_folder_that_cannot_be_made_is_one_line(run_ratecard, tmp_path):
    (tmp_path / "file").write_text("")
    done = run_ratecard("schema", "--out", "file/json")
    assert done.returncode == 1
    assert done.stderr == "ratecard: cannot write file/json: Not a directory\n"
