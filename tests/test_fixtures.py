"""The fixtures that all tests stand on."""

from __future__ import annotations

import subprocess

import pytest
from sqlalchemy import text

from schema.database import database_state, make_engine, reading, writing
from tests.ready_command import COMMAND


def test_a_new_database_is_empty(database_url):
    engine = make_engine(database_url, create=False)
    assert database_state(engine) in ("missing", "empty")
    engine.dispose()


def test_the_engine_has_every_table_and_no_rows(engine):
    assert database_state(engine) == "current"
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO meta (key, value) VALUES ('a', 'b')"))


def test_no_test_sees_another_ones_rows(engine):
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM meta")).scalar_one() == 0


def test_a_repository_has_one_commit_on_main(make_repository, small_config, run_git):
    top = make_repository(small_config, others={"README.md": "Prices\n"})
    assert run_git(top, "log", "--format=%an <%ae> %s", "main") == "Price Desk <prices@example.com> Begin"
    assert run_git(top, "ls-files", "README.md", "config/plans.yaml") == "README.md\nconfig/plans.yaml"
    assert run_git(top, "status", "--porcelain") == ""


@pytest.mark.parametrize("words", [("nothing",), ("--version",), ("plan", "--help"), ("validate",)])
def test_the_ready_command_is_the_real_one(run_ratecard, tmp_path, words):
    real = subprocess.run([COMMAND, *words], cwd=tmp_path, input="", capture_output=True, text=True)
    done = run_ratecard(*words)
    assert (done.returncode, done.stdout, done.stderr) == (real.returncode, real.stdout, real.stderr)
    assert done.stdout + done.stderr
    assert done.args == real.args


def test_a_ready_command_has_the_folder_and_the_environment_that_it_is_given(run_ratecard, make_repository, tmp_path):
    top = make_repository({}, others={"README.md": "Nothing\n"})
    done = run_ratecard("doctor", cwd=top, env={"RATECARD_DATABASE_URL": f"sqlite:///{tmp_path}/none.db"})
    assert str(top) in done.stdout
    assert f"{tmp_path}/none.db" in done.stdout
