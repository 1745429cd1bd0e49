"""The fixtures that all tests stand on."""

from __future__ import annotations

from sqlalchemy import text

from schema.database import database_state, make_engine, reading, writing


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


def test_the_real_command_runs(run_ratecard):
    done = run_ratecard("nothing")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == "ratecard: 'nothing' is not a command\n"
