"""The CI kit at work: a team with a remote, a database and a forge, and the scripts as the workflows run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from schema.database import make_engine, writing
from tests.examples.mock_forge import REPOSITORY, ROBOT, MockForge, served
from tests.ready_command import ReadyCommand

SCRIPTS = Path(__file__).parents[2] / "examples" / "ci" / "scripts"
BIN = Path(sys.executable).parent
PRICES = "config/pricing/openai.yaml"
LATER = """\
    - effective: 2099-01-01
      per_million:
        input: {input}
        output: 9.00
      margin: 1.5
"""

Done = subprocess.CompletedProcess[str]
RunGit = Callable[..., str]


class Team:
    """A bare remote, the desk where people work, and machines that run the scripts in clones."""

    def __init__(
        self, desk: Path, folder: Path, run_git: RunGit, database: str, forge: MockForge, programs: Path
    ) -> None:
        self.desk, self.folder, self.git, self.database, self.forge = desk, folder, run_git, database, forge
        self.programs = programs
        self.remote = folder / "remote.git"
        run_git(folder, "clone", "--quiet", "--bare", str(desk), str(self.remote))
        run_git(desk, "remote", "add", "origin", str(self.remote))

    def clone(self, ref: str = "main") -> Path:
        """A machine's clone, at a branch or commit of the remote, as `actions/checkout` leaves it."""
        place = self.folder / f"clone-{len(list(self.folder.iterdir()))}"
        self.git(self.folder, "clone", "--quiet", str(self.remote), str(place))
        known = self.git(place, "branch", "--remotes", "--list", f"origin/{ref}")
        self.git(place, "checkout", "--quiet", "--detach", f"origin/{ref}" if known else ref)
        return place

    def commit(self, title: str, edit: Callable[[str], str], path: str = PRICES, branch: str | None = None) -> str:
        """Edit a file at the desk, commit, push; returns the commit."""
        if branch is not None:
            self.git(self.desk, "checkout", "--quiet", "-B", branch)
        file = self.desk / path
        file.write_text(edit(file.read_text() if file.exists() else ""))
        self.git(self.desk, "add", path)
        self.git(self.desk, "commit", "--quiet", f"--message={title}")
        self.git(self.desk, "push", "--quiet", "origin", "HEAD")
        return self.git(self.desk, "rev-parse", "HEAD")

    def merge(self, branch: str) -> None:
        """Merge a branch into main, as the forge's button does."""
        self.git(self.desk, "checkout", "--quiet", "main")
        self.git(self.desk, "merge", "--quiet", "--no-ff", "--no-edit", branch)
        self.git(self.desk, "push", "--quiet", "origin", "main")

    def begin(self) -> None:
        """Apply what stands at the desk, by the command itself."""
        command = [str(self.programs / "ratecard"), "apply", "--yes", "--database", self.database]
        subprocess.run(command, cwd=self.desk, check=True, capture_output=True)

    def run(self, script: str, clone: Path, *, database: bool = True, **settings: str) -> Done:
        """Run a script of the clone."""
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(self.programs), str(BIN), os.environ["PATH"]]),
            "NO_PROXY": "127.0.0.1",
            "RATECARD_FORGE": self.forge.kind,
            "RATECARD_FORGE_API": self.forge.url,
            "RATECARD_FORGE_REPOSITORY": REPOSITORY[self.forge.kind],
            "RATECARD_PULL_REQUEST": "7",
            **({"RATECARD_DATABASE_URL": self.database} if database else {}),
            **settings,
        }
        for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            if name not in settings:
                environment.pop(name, None)
        command = ["sh", f"ci/{script}.sh"]
        return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)

    def run_well(self, script: str, clone: Path, *, database: bool = True, **settings: str) -> str:
        """Run a script that must succeed; returns what it prints."""
        done = self.run(script, clone, database=database, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def forge() -> Iterator[MockForge]:
    with served("github") as forge:
        yield forge


def _kit() -> dict[str, str | bytes]:
    return {f"ci/{path.name}": path.read_bytes() for path in SCRIPTS.iterdir() if path.is_file()}


@pytest.fixture
def make_team(
    make_repository: Callable[..., Path],
    small_config: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    run_git: RunGit,
    forge: MockForge,
    ready: ReadyCommand,
) -> Callable[[str], Team]:
    def make(database: str) -> Team:
        desk = make_repository(small_config, others=_kit())
        return Team(desk, tmp_path_factory.mktemp("team"), run_git, database, forge, ready.folder)

    return make


@pytest.fixture
def team(make_team: Callable[[str], Team], tmp_path: Path) -> Team:
    """A team whose database is an SQLite file."""
    return make_team(f"sqlite:///{tmp_path / 'rates.db'}")


def _later(price: str) -> Callable[[str], str]:
    return lambda before: before + LATER.format(input=price)


def test_from_pull_request_to_release(make_team: Callable[[str], Team], database_url: str, tmp_path: Path) -> None:
    """One comment through two pushes; then two applies of the merge at once, of which one wins."""
    team = make_team(database_url)
    assert team.run_well("apply", team.clone()).startswith("release 1: commit ")

    robot = {"RATECARD_FORGE_TOKEN": "robot-token"}
    team.commit("Cheaper input from 2099", _later("2.00"), branch="cheaper")
    clone = team.clone("cheaper")
    outputs = tmp_path / "outputs"
    planned = team.run_well("plan", clone, GITHUB_OUTPUT=str(outputs), GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert outputs.read_text() == "changed=true\n"
    assert "price openai/gpt-4o@2099-01-01" in planned
    assert team.run_well("comment", clone, **robot) == "began comment 1\n"
    team.run_well("verdict", clone)
    whole = json.loads((clone / "ratecard-plan" / "plan.json").read_text())
    assert [change["key"] for change in whole["changes"]] == ["price openai/gpt-4o@2099-01-01"]
    assert (clone / "ratecard-plan" / "plan.txt").read_text() == planned
    assert (tmp_path / "summary").read_text() == (clone / "ratecard-plan" / "plan.md").read_text()

    team.commit("Cheaper still", lambda before: before.replace("input: 2.00", "input: 1.75"))
    clone = team.clone("cheaper")
    team.run_well("plan", clone)
    assert team.run_well("comment", clone, **robot) == "updated comment 1\n"
    (comment,) = team.forge.comments_of(ROBOT)
    assert comment.startswith("<!-- ratecard-plan -->\n### Ratecard: ")
    assert "1.75" in comment
    assert "2.00" not in comment

    team.merge("cheaper")
    merged = team.git(team.desk, "rev-parse", "main")
    named = {"RATECARD_LABEL": "run-12", "GITHUB_ACTOR": "prices"}
    with ThreadPoolExecutor(2) as machines:
        clones = [team.clone(), team.clone()]
        said = sorted(machines.map(lambda clone: team.run_well("apply", clone, **named), clones))
    assert said == [
        f"no changes: the database is at release 2, and commit {merged[:12]} says the same\n",
        f"release 2 (run-12): commit {merged[:12]}, 1 created, 0 updated, 0 deleted\n",
    ]
    engine = make_engine(database_url)
    with engine.connect() as connection:
        releases = connection.execute(text("SELECT label, applied_by FROM releases ORDER BY id")).all()
    engine.dispose()
    assert releases[1:] == [("run-12", "Ratecard CI for prices <ratecard-ci@localhost>")]


def test_nothing_to_plan_begins_no_comment_and_an_old_one_says_so(team: Team) -> None:
    team.begin()
    robot = {"RATECARD_FORGE_TOKEN": "robot-token"}
    team.commit("Only words", lambda before: f"# Prices of OpenAI.\n{before}", branch="words")
    clone = team.clone("words")
    team.run_well("plan", clone)
    assert team.run_well("comment", clone, **robot) == "no comment: nothing changes\n"
    team.forge.add_comment(ROBOT, "<!-- ratecard-plan -->\nA change that is gone.")
    assert team.run_well("comment", clone, **robot) == "updated comment 1\n"
    assert "### Ratecard: no changes\n" in team.forge.comments_of(ROBOT)[0]


def test_what_an_apply_would_refuse_fails_after_the_comment_until_it_is_approved(team: Team) -> None:
    team.begin()
    team.commit("Dearer", lambda before: before.replace("margin: 1.5", "margin: 1.6"), branch="dearer")
    clone = team.clone("dearer")
    team.run_well("plan", clone)
    team.run_well("comment", clone, RATECARD_FORGE_TOKEN="robot-token")
    verdict = team.run("verdict", clone)
    assert verdict.returncode == 1
    first, last = verdict.stderr.splitlines()
    assert first.startswith("price openai/gpt-4o@2026-01-01: ")
    assert first.endswith(" [PRICE_IN_EFFECT]")
    assert last == "ratecard-ci: an apply would refuse this; change it, or add an approval to ratecard.yaml"
    approval = (
        "approvals:\n  - code: PRICE_IN_EFFECT\n    key: price openai/gpt-4o@2026-01-01\n    by: Price Desk\n"
        "    until: 2099-12-31\n    reason: The contract says so\n"
    )
    team.commit("Approve it", lambda before: before + approval, path="config/ratecard.yaml")
    clone = team.clone("dearer")
    team.run_well("plan", clone)
    team.run_well("verdict", clone)
    team.merge("dearer")
    assert team.run_well("apply", team.clone()).startswith("release 2: ")


def test_a_branch_behind_its_base_takes_nothing_back(team: Team) -> None:
    team.git(team.desk, "branch", "behind")
    team.commit("Cheaper input from 2099", _later("2.00"))
    team.begin()
    team.git(team.desk, "checkout", "--quiet", "behind")
    add = "  ada:\n    display_name: Ada\n    type: llm\n    active: false\n"
    team.commit("Another model", lambda before: before + add, path="config/registry/openai.yaml")
    clone = team.clone("behind")
    team.run_well("plan", clone)
    changes = json.loads((clone / "ratecard-plan" / "plan.json").read_text())["changes"]
    assert [(change["action"], change["key"]) for change in changes] == [("create", "model openai/ada")]
    assert team.git(clone, "status", "--porcelain", "config") == ""

    team.commit("Another later price", _later("3.00"))
    refused = team.run("plan", team.clone("behind"))
    message = (
        "ratecard-ci: this conflicts with main, or the clone is shallow (fetch the whole history); merge it first\n"
    )
    assert (refused.returncode, refused.stderr) == (1, message)


def test_a_plan_that_another_apply_made_stale_is_made_anew(team: Team, tmp_path: Path) -> None:
    """The other apply comes between plan and apply: a `ratecard` earlier on the path sees to that, once."""
    team.begin()
    team.commit("Cheaper input from 2099", _later("2.00"))
    clone, real = team.clone(), BIN / "ratecard"
    between = tmp_path / "between" / "ratecard"
    between.parent.mkdir()
    between.write_text(f"""#!/bin/sh
if [ "$1" = apply ] && mkdir "{tmp_path}/once" 2>/dev/null; then "{real}" apply --yes >&2; fi
exec "{real}" "$@"
""")
    between.chmod(0o755)
    done = team.run("apply", clone, PATH=os.pathsep.join([str(between.parent), str(real.parent), os.environ["PATH"]]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no changes: the database is at release 2,")
    other, refusal = done.stderr.splitlines()
    assert other.startswith("release 2: commit ")
    assert "it was made against release 1, and the database is at release 2 by now" in refusal


def test_a_tag_names_the_release_and_an_older_commit_is_refused(team: Team) -> None:
    team.git(team.desk, "tag", "v1")
    team.git(team.desk, "push", "--quiet", "origin", "v1")
    assert team.run_well("apply", team.clone(), RATECARD_LABEL="run-1").startswith("release 1 (v1): ")
    team.commit("Cheaper input from 2099", _later("2.00"))
    team.begin()
    refused = team.run("apply", team.clone("v1"))
    assert refused.returncode == 1
    assert "[OLDER_COMMIT]" in refused.stderr
    assert refused.stderr.endswith("ratecard-ci: nothing was applied\n")


def test_the_snapshot_is_appended_to_a_branch_of_its_own(team: Team) -> None:
    clone = team.clone()
    team.begin()
    before = team.git(clone, "rev-parse", "HEAD")
    with ThreadPoolExecutor(2) as machines:
        list(machines.map(lambda place: team.run_well("snapshot", place), [clone, team.clone()]))
    team.commit("Cheaper input from 2099", _later("2.00"))
    newer = team.clone()
    team.begin()
    team.run_well("snapshot", newer)
    at = ("ratecard-snapshot", "--")
    assert team.git(team.remote, "ls-tree", "-r", "--name-only", "ratecard-snapshot") == "snapshot.json"
    parents = [line.split() for line in team.git(team.remote, "log", "--format=%H %P", *at).splitlines()]
    assert len(parents[-1]) == 1, "it begins without a parent"
    assert all(len(line) == 2 for line in parents[:-1]), "and goes on from the one before"
    assert 2 <= len(parents) <= 3
    assert "[skip ci]" in team.git(team.remote, "log", "-1", "--format=%B", *at)
    snapshot = json.loads(team.git(team.remote, "show", "ratecard-snapshot:snapshot.json"))
    assert snapshot["release"]["id"] == 2
    assert team.git(clone, "rev-parse", "HEAD") == before
    assert team.git(clone, "status", "--porcelain") == ""


def test_a_fork_without_a_database_plans_from_the_snapshot(
    team: Team, run_ratecard: Callable[..., Done], tmp_path: Path
) -> None:
    clone = team.clone()
    team.begin()
    usage = tmp_path / "usage.csv"
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    usage.write_text(
        "event_id,occurred_at,account,provider,model,input,output\n"
        f"first,{yesterday},northern-lights,openai,gpt-4o,1000000,1000000\n"
    )
    imported = run_ratecard("meter", "import", str(usage), "--database", team.database)
    assert imported.returncode == 0, imported.stderr
    team.run_well("snapshot", clone)

    commit = team.commit("Cheaper input from 2099", _later("2.00"), branch="cheaper")
    fork = {"RATECARD_FORK": "true"}
    own = team.clone("cheaper")
    planned = team.run_well("plan", own, database=False, **fork)
    assert "price openai/gpt-4o@2099-01-01" in planned
    whole = (own / "ratecard-plan" / "plan.json").read_text()
    assert json.loads(whole)["impact"]
    for path in (own / "ratecard-plan").iterdir():
        assert "northern-lights" not in path.read_text()
    assert "northern-lights" not in team.git(team.remote, "show", "ratecard-snapshot:snapshot.json")

    # The workflow with the right to comment plans anew, in the default branch, and sees only the fork's objects.
    robot = {"RATECARD_FORGE_TOKEN": "robot-token"}
    team.commit("Spoil the scripts", lambda before: "echo spoiled; exit 1\n", path="ci/plan.sh")
    spoiled = team.git(team.desk, "rev-parse", "HEAD")
    team.git(team.remote, "update-ref", "refs/pull/7/head", spoiled)
    team.git(team.remote, "branch", "-D", "cheaper")
    team.forge.requests.append({"number": 7, "state": "open", "head": {"label": "fork:cheaper", "sha": spoiled}})
    trusted = team.clone()
    outputs = tmp_path / "outputs"
    named = {"FORK_OWNER": "fork", "FORK_BRANCH": "cheaper", "FORK_COMMIT": spoiled, "GITHUB_OUTPUT": str(outputs)}
    team.run_well("fork", trusted, database=False, **robot, **named)
    assert outputs.read_text() == "request=7\n"
    team.run_well("plan", trusted, database=False, RATECARD_HEAD=spoiled, **fork)
    assert team.run_well("comment", trusted, database=False, **robot) == "began comment 1\n"
    assert "price openai/gpt-4o@2099-01-01" in team.forge.comments_of(ROBOT)[0]
    assert team.git(trusted, "diff", "HEAD") == ""

    outputs.unlink()
    moved = team.run("fork", trusted, database=False, **robot, **{**named, "FORK_COMMIT": commit})
    assert moved.returncode == 0
    assert moved.stderr == f"ratecard-ci: no open pull request stands at {commit} any more; nothing to plan\n"
    assert not outputs.exists()


def test_a_fork_without_a_snapshot_is_not_planned(team: Team) -> None:
    clone = team.clone()
    done = team.run("plan", clone, database=False, RATECARD_FORK="true")
    told = "ratecard-ci: not planned: no snapshot for forks is published on a branch ratecard-snapshot\n"
    assert (done.returncode, done.stderr) == (0, told)
    assert team.run("comment", clone, database=False).stderr == "ratecard-ci: no comment: nothing was planned\n"
    team.run_well("verdict", clone, database=False)


def test_drift_fails_without_a_token_and_keeps_one_issue_with_one(team: Team, tmp_path: Path) -> None:
    clone = team.clone()
    robot = {"RATECARD_FORGE_TOKEN": "robot-token"}
    team.begin()
    assert team.run_well("drift", clone, **robot).endswith("no issue is open\n")

    edit = "UPDATE plans SET name = 'Pro ``` <!-- x -->' WHERE plan = 'pro' AND retired_release IS NULL"
    before = "UPDATE plans SET name = 'Pro' WHERE plan = 'pro' AND retired_release IS NULL"
    _execute(team.database, edit)
    done = team.run("drift", clone)
    assert (done.returncode, done.stderr) == (2, "")
    assert "edited in the database since release 1:" in done.stdout
    outputs = tmp_path / "outputs"
    assert team.run_well("drift", clone, GITHUB_OUTPUT=str(outputs), **robot).endswith("opened issue 1\n")
    assert outputs.read_text() == "edited=true\n"
    assert team.run_well("drift", clone, **robot).endswith("updated issue 1\n")
    (issue,) = team.forge.issues
    assert issue["title"] == "Drift: git and the database do not agree"
    assert "\n      plan pro: edited\n" in issue["body"]

    assert "ratecard/take-over-edits-made-in-the-database" in team.run_well("propose", clone)
    proposed = team.git(team.remote, "diff", "main", "ratecard/take-over-edits-made-in-the-database", "--", "config")
    lines = [line for line in proposed.splitlines() if line.startswith(("+ ", "- "))]
    assert lines == ["-    name: Pro", "+    name: Pro ``` <!-- x -->"]
    again = team.run("propose", clone)
    assert again.returncode == 0
    assert again.stderr.startswith("ratecard-ci: not proposed again: merge or delete the branch ratecard/take-over-")

    _execute(team.database, before)
    assert team.run_well("drift", clone, **robot).endswith("closed issue 1\n")
    assert issue["state"] == "closed"


def test_a_database_that_is_away_is_no_drift(team: Team) -> None:
    away = "postgresql://nobody@127.0.0.1:1/none"
    done = team.run("drift", team.clone(), RATECARD_DATABASE_URL=away, RATECARD_FORGE_TOKEN="robot-token")
    assert done.returncode == 1
    assert done.stderr.endswith("ratecard-ci: git and the database could not be compared\n")
    assert team.forge.issues == []


def _execute(url: str, statement: str) -> None:
    engine = make_engine(url)
    with writing(engine) as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "install",
            (
                "RATECARD_INSTALL is not set: what pip shall install, such as 'ratecard==0.1.0' or"
                " 'ratecard @ git+https://HOST/PATH@COMMIT'"
            ),
        ),
        ("plan", "RATECARD_DATABASE_URL is not set: the database to plan against; reading is enough"),
        (
            "apply",
            (
                "RATECARD_DATABASE_URL is not set: the database to apply to, such as postgresql://…, from the"
                " environment's secrets"
            ),
        ),
        ("snapshot", "RATECARD_DATABASE_URL is not set: the database to export from; reading is enough"),
        ("drift", "RATECARD_DATABASE_URL is not set: the database to compare with git; reading is enough"),
        ("fork", "FORK_OWNER is not set: the owner of the fork"),
    ],
)
def test_a_missing_setting_is_one_message(team: Team, script: str, message: str) -> None:
    done = team.run(script, team.clone(), database=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"ratecard-ci: {message}\n")


def test_a_base_branch_that_is_not_there_is_one_message(team: Team) -> None:
    done = team.run("plan", team.clone(), RATECARD_BASE="master")
    message = "ratecard-ci: RATECARD_BASE must name the base branch: the remote has no master\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_findings_stand_beside_their_lines(team: Team) -> None:
    clone = team.clone()
    assert team.run_well("validate", clone, database=False).endswith(": fine\n")
    path = clone / PRICES
    path.write_text(path.read_text().replace("margin: 1.5", "margine: 1.5"))
    github = team.run("validate", clone, database=False, GITHUB_ACTIONS="true")
    assert github.returncode == 1
    assert github.stdout.startswith("::error file=config/pricing/openai.yaml,line=9,col=7,title=")
    gitlab = team.run("validate", clone, database=False, GITLAB_CI="true")
    assert gitlab.returncode == 1
    (first, *_) = report = json.loads((clone / "gl-code-quality-report.json").read_text())
    assert first["severity"] == "blocker"
    assert first["location"] == {"path": PRICES, "lines": {"begin": 9}}
    assert first["description"] in gitlab.stdout + gitlab.stderr
    assert len({entry["fingerprint"] for entry in report}) == len(report)


def test_the_named_version_is_installed(team: Team, tmp_path: Path) -> None:
    """A wheel that holds nothing: what counts is that pip is given the setting as one word."""
    wheel = tmp_path / "kit_probe-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        opened.writestr("kit_probe/__init__.py", "")
        opened.writestr("kit_probe-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: kit-probe\nVersion: 1.0\n")
        opened.writestr(
            "kit_probe-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        opened.writestr("kit_probe-1.0.dist-info/RECORD", "")
    target = tmp_path / "installed"
    settings = {"PIP_TARGET": str(target), "PIP_NO_INDEX": "1", "RATECARD_INSTALL": f"kit-probe @ {wheel.as_uri()}"}
    team.run_well("install", team.clone(), database=False, **settings)
    assert (target / "kit_probe" / "__init__.py").exists()
