from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import MakeRepository, RunRatecard

TOP = Path(__file__).parents[3]
RunGit = Callable[..., str]
HAIKU = {
    "litellm_provider": "anthropic",
    "mode": "chat",
    "input_cost_per_token": 8e-07,
    "output_cost_per_token": 4e-06,
    "cache_read_input_token_cost": 1e-07,
    "cache_creation_input_token_cost": 1.25e-06,
}
LIST = {
    "claude-haiku-4-5": HAIKU,
    "gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 2.5e-01},
    "gpt-9": {"litellm_provider": "openai", "input_cost_per_token": 3e-06, "input_cost_per_pixel": 1e-09},
}


def today() -> str:
    return datetime.now(UTC).date().isoformat()


@pytest.fixture(autouse=True)
def _one_day() -> None:
    """Nothing begins so shortly before midnight (UTC) that it could end on another day."""
    now = datetime.now(UTC)
    left = 86_400 - (now.hour * 3_600 + now.minute * 60 + now.second)
    if left < 30:
        time.sleep(left)


@pytest.fixture
def top(make_repository: MakeRepository, small_config: dict[str, str]) -> Path:
    return make_repository(small_config, others={"list.json": json.dumps(LIST)})


def test_an_import_adds_entries_and_leaves_doubtful_ones(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    ran = run_ratecard("import", "prices", "--from", "list.json", cwd=top)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (
        ran.stdout
        == f"""\
add   price anthropic/claude-haiku-4-5@{today()}  input 1 -> 0.8, output 5 -> 4
left  price openai/gpt-4o@{today()}               output 10 -> 250000  SLIP

SLIP: ten times ours or a tenth of it: a slip of the list? name the model with --model to take it over

2 priced models of ours on list.json
2 models of ours not on it, or without a price there: anthropic/claude-sonnet-4-5, anthropic/claude-3-opus
1 model on it not in our registry; --provider PROVIDER lists them
0 entries of it without a price that can be said here

config/pricing/anthropic.yaml  +8
"""
    )
    added = [line[1:] for line in run_git(top, "diff", "--unified=0").splitlines() if line.startswith("+ ")]
    assert added == [
        f"    - effective: {today()}",
        "      per_million:",
        "        input: 0.80",
        "        output: 4.00",
        "        cache_read: 0.10",
        "        cache_write: 1.25",
        "      margin: 3.0",
        f"      source: {{note: list.json, checked: {today()}}}",
    ]
    assert run_git(top, "diff", "--numstat") == "8\t0\tconfig/pricing/anthropic.yaml"
    assert run_ratecard("validate", cwd=top).returncode == 0


def test_a_second_run_adds_nothing(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    run_ratecard("import", "prices", "--from", "list.json", "--provider", "anthropic", cwd=top)
    before = run_git(top, "diff")
    again = run_ratecard("import", "prices", "--from", "list.json", "--provider", "anthropic", cwd=top)
    assert again.returncode == 0
    assert again.stdout.startswith("list.json says nothing else than we do about 1 model\n")
    assert run_git(top, "diff") == before


def test_a_check_tells_the_differences_and_exits_1(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    ran = run_ratecard("import", "prices", "--from", "list.json", "--check", cwd=top)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.splitlines()[:6] == [
        "list.json says otherwise for 2 of 2 models",
        "",
        "model                       unit    ours  list    ratio   when      ours read  left out",
        "openai/gpt-4o               output  10    250000  25000x  in force  -          SLIP",
        "anthropic/claude-haiku-4-5  input   1     0.8     0.8x    in force  -",
        "anthropic/claude-haiku-4-5  output  5     4       0.8x    in force  -",
    ]
    assert "  PIXELS  1  the list counts pixels; no unit does" in ran.stdout.splitlines()
    assert run_git(top, "status", "--porcelain") == ""


def test_a_check_without_a_difference_exits_0(top: Path, run_ratecard: RunRatecard) -> None:
    (top / "list.json").write_text(json.dumps({"gpt-4o": {**LIST["gpt-4o"], "output_cost_per_token": 1e-05}}))
    ran = run_ratecard("import", "prices", "--from", "list.json", "--check", cwd=top)
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (0, "list.json says nothing else than we do about 1 model")


def test_a_check_as_json(top: Path, run_ratecard: RunRatecard) -> None:
    ran = run_ratecard("import", "prices", "--from", "list.json", "--check", "--format", "json", cwd=top)
    document = json.loads(ran.stdout)
    assert ran.returncode == 1
    assert document["format_version"] == 1
    assert document["feed"] == {"title": "list.json", "url": None}
    assert document["matched"] == 2
    assert document["differences"][1] == {
        "model": "anthropic/claude-haiku-4-5",
        "entry": "claude-haiku-4-5",
        "kind": "now",
        "effective": today(),
        "unit": "input",
        "above_input": None,
        "ours": "1",
        "list": "0.8",
        "ratio": "0.8",
        "source": None,
        "checked": None,
        "left": None,
    }
    assert document["entries"] == [f"price anthropic/claude-haiku-4-5@{today()}"]
    assert [(left["key"], left["code"]) for left in document["left"]] == [(f"price openai/gpt-4o@{today()}", "SLIP")]
    assert document["files"] == []
    assert document["unregistered"] == ["gpt-9"]
    assert document["unsaid"] == {
        "without_price": 0,
        "counts": {"PIXELS": 1},
        "entries": [{"entry": "gpt-9", "code": "PIXELS", "field": "input_cost_per_pixel"}],
    }


def test_a_proposal_is_one_commit_of_the_person(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    ran = run_ratecard("import", "prices", "--from", "list.json", "--propose", "--format", "json", cwd=top)
    assert (ran.returncode, ran.stderr) == (0, "")
    document = json.loads(ran.stdout)
    assert document["branch"] == "ratecard/take-over-list-prices-of-list-json"
    assert document["files"] == ["config/pricing/anthropic.yaml"]
    assert run_git(top, "log", "-1", "--format=%an <%ae>%n%B", document["commit"]).splitlines()[:4] == [
        "Price Desk <prices@example.com>",
        "Take over list prices of list.json",
        "",
        f"- add price anthropic/claude-haiku-4-5@{today()}",
    ]
    assert run_git(top, "diff", "main", document["branch"], "--numstat") == "8\t0\tconfig/pricing/anthropic.yaml"
    assert run_git(top, "status", "--porcelain") == ""


def test_a_check_may_propose(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    words = ("import", "prices", "--from", "list.json", "--check", "--propose", "--title", "Cheaper Haiku")
    ran = run_ratecard(*words, cwd=top)
    assert ran.returncode == 1
    assert ran.stdout.startswith("list.json says otherwise for 2 of 2 models\n")
    assert "\nratecard/cheaper-haiku  " in ran.stdout
    assert run_git(top, "rev-parse", "ratecard/cheaper-haiku~1") == run_git(top, "rev-parse", "main")


def test_a_push_is_refused_when_the_remote_says_otherwise_about_a_price(
    top: Path, tmp_path: Path, run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    """The margins that an import copies are those of the entries here; the remote's may have changed."""
    bare = tmp_path / "remote.git"
    run_git(top, "clone", "--quiet", "--bare", str(top), str(bare))
    run_git(top, "remote", "add", "origin", str(bare))
    words = ("import", "prices", "--from", "list.json", "--propose", "--push")
    assert run_ratecard(*words, cwd=top).returncode == 0
    assert run_git(bare, "branch", "--list", "ratecard/*") == "ratecard/take-over-list-prices-of-list-json"
    path = top / "config/pricing/anthropic.yaml"
    path.write_text(path.read_text().replace("margin: 3.0", "margin: 2.5"))
    run_git(top, "commit", "--quiet", "--all", "--message=Lower the margin of Haiku")
    run_git(top, "push", "--quiet", "origin", "main")
    run_git(top, "reset", "--quiet", "--hard", "HEAD~1")
    refused = run_ratecard(*words, "--title", "Again", cwd=top)
    assert refused.returncode == 1
    assert "ratecard: price anthropic/claude-haiku-4-5 has changed since you saw it" in refused.stderr
    assert run_git(bare, "branch", "--list", "ratecard/again*") == ""


def test_a_dry_run_shows_the_diff_and_writes_nothing(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    for more in ((), ("--propose",)):
        ran = run_ratecard("import", "prices", "--from", "list.json", "--dry-run", *more, cwd=top)
        assert ran.returncode == 0
        assert f"+    - effective: {today()}\n" in ran.stdout
        assert run_git(top, "status", "--porcelain") == ""
        assert run_git(top, "branch", "--list", "ratecard/*") == ""


def test_a_named_model_is_taken_over_and_explained(top: Path, run_ratecard: RunRatecard) -> None:
    ran = run_ratecard("import", "prices", "--from", "list.json", "--model", "gpt-4o", "--dry-run", cwd=top)
    assert ran.returncode == 0
    assert ran.stdout.startswith(f"add  price openai/gpt-4o@{today()}  output 10 -> 250000\n")
    assert "THOUSANDFOLD" in ran.stderr


def test_a_model_that_is_not_registered_is_told_how_to_get(top: Path, run_ratecard: RunRatecard) -> None:
    ran = run_ratecard("import", "prices", "--from", "list.json", "--model", "gpt-9", cwd=top)
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    place = lines.index("gpt-9 is not registered; this adds it:")
    assert lines[place + 1].startswith("  ratecard propose --title 'Add gpt-9' --add 'model openai/gpt-9' --set ")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 64, "ratecard import: the following arguments are required: what, --from"),
        (["prices"], 64, "ratecard import: the following arguments are required: --from"),
        (["models", "--from", "litellm"], 64, "ratecard import: argument what: invalid choice: 'models'"),
        (["prices", "--from", "nothing"], 64, "ratecard: --from: 'nothing' is neither genai-prices nor litellm nor"),
        (["prices", "--from", "list.json", "--model", "gpt-4oo"], 64, "ratecard: --model: neither the registry nor"),
        (["prices", "--from", "list.json", "--push"], 64, "ratecard: --push is about a proposal; add --propose"),
        (["prices", "--from", "list.json", "--check", "--dry-run"], 64, "ratecard: --check writes nothing as it is"),
        (["prices", "--from", "list.json", "--effective", "soon"], 64, "ratecard: --effective: 'soon' is not a date"),
        (["prices", "--from", "config/tasks.yaml"], 1, "ratecard: config/tasks.yaml:1:1: not JSON"),
        (["prices", "--from", "list.json", "--config", "nowhere"], 1, "ratecard: the folder nowhere does not exist"),
        (["prices", "--from", "list.json", "--propose", "--base", "old"], 1, "ratecard: there is no branch 'old'"),
    ],
)
def test_bad_input_is_one_message(
    top: Path, run_ratecard: RunRatecard, run_git: RunGit, words: list[str], code: int, message: str
) -> None:
    ran = run_ratecard("import", *words, cwd=top)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert ran.stderr.startswith(message)
    assert ran.stderr.count("\n") == 1
    assert run_git(top, "status", "--porcelain") == ""


def test_a_configuration_with_faults_is_refused(top: Path, run_ratecard: RunRatecard) -> None:
    with (top / "config/pricing/openai.yaml").open("a") as opened:
        opened.write("      colour: red\n")
    ran = run_ratecard("import", "prices", "--from", "list.json", cwd=top)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("ratecard: 1 error in the configuration: config/pricing/openai.yaml:10:7: ")


def test_edits_that_wait_in_the_work_tree_stay(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    path = top / "config/pricing/anthropic.yaml"
    path.write_text(path.read_text().replace("margin: 1.3", "margin: 1.4  # from spring on"))
    assert run_ratecard("import", "prices", "--from", "list.json", cwd=top).returncode == 0
    assert "margin: 1.4  # from spring on\n" in path.read_text()
    assert run_git(top, "diff", "--numstat") == "9\t1\tconfig/pricing/anthropic.yaml"


@pytest.mark.parametrize("origin", ["genai-prices", "litellm"])
def test_the_shipped_configuration_takes_over_both_lists(
    tmp_path: Path, run_ratecard: RunRatecard, origin: str
) -> None:
    shutil.copytree(TOP / "config", tmp_path / "config")
    before = {path: path.read_text() for path in (tmp_path / "config").rglob("*.yaml")}
    first = run_ratecard("import", "prices", "--from", origin, "--format", "json")
    assert first.returncode == 0
    document = json.loads(first.stdout)
    assert document["matched"] > 100
    for path, text in before.items():
        lines = iter(path.read_text().splitlines())
        assert all(line in lines for line in text.splitlines()), path
    assert run_ratecard("validate").returncode == 0
    assert run_ratecard("fmt", "--check").returncode == 0
    again = json.loads(run_ratecard("import", "prices", "--from", origin, "--format", "json").stdout)
    assert (again["entries"], again["files"]) == ([], [])
