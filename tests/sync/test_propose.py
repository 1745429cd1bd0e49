from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schema.errors import ConfigError
from schema.keys import parse_key
from sync.edit import ABSENT, AddEntity, Edit, RemoveEntity, entity_version, parse_set
from sync.errors import ConflictError, RefusedError, RepositoryError, UsageError
from sync.proposal_text import slug
from sync.propose import Proposal, preview, propose
from sync.repository import Person, Repository
from tests.conftest import MakeRepository, RunRatecard
from tests.small_config import SMALL_CONFIG

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DESK = Person("Pricing Desk", "pricing@example.com")
SET_NAME = "model anthropic/claude-haiku-4-5#display_name=Claude Haiku"
RunGit = Callable[..., str]


@pytest.fixture
def top(make_repository: MakeRepository, small_config: dict[str, str]) -> Path:
    return make_repository(small_config, others={"README.md": "Rates\n"})


@pytest.fixture
def remote(top: Path, tmp_path: Path, run_git: RunGit) -> Path:
    bare = tmp_path / "remote.git"
    run_git(top, "clone", "--quiet", "--bare", str(top), str(bare))
    run_git(top, "remote", "add", "origin", str(bare))
    run_git(top, "fetch", "--quiet")
    return bare


def make(top: Path, *edits: str | Edit, title: str = "Rename Haiku", **options: object) -> Proposal:
    wanted = [parse_set(edit) if isinstance(edit, str) else edit for edit in edits or (SET_NAME,)]
    given: dict[str, object] = {"title": title, "author": DESK, "now": NOW, **options}
    return propose(Repository.open(top), wanted, **given)  # type: ignore[arg-type]


def test_one_commit_on_a_new_branch_that_changes_one_line(top: Path, run_git: RunGit) -> None:
    proposal = make(top)
    assert (proposal.branch, proposal.files, proposal.url) == (
        "ratecard/rename-haiku",
        ("config/registry/anthropic.yaml",),
        None,
    )
    assert run_git(top, "rev-parse", proposal.branch) == proposal.commit
    assert run_git(top, "rev-parse", f"{proposal.branch}~1") == run_git(top, "rev-parse", "main")
    assert run_git(top, "diff", "main..ratecard/rename-haiku", "--numstat") == "1\t1\tconfig/registry/anthropic.yaml"
    changed = run_git(top, "diff", "--unified=0", "main..ratecard/rename-haiku").splitlines()[-2:]
    assert changed == ["-    display_name: Claude Haiku 4.5", "+    display_name: Claude Haiku"]
    assert proposal.counts == {"config/registry/anthropic.yaml": (1, 1)}


def test_the_author_is_the_person_and_the_committer_the_tool(top: Path, run_git: RunGit) -> None:
    proposal = make(top, title="  Rename   Haiku ")
    form = "--format=%an <%ae> %at%n%cn <%ce> %ct%n%B"
    assert run_git(top, "log", "-1", form, proposal.commit) == (
        f"Pricing Desk <pricing@example.com> {int(NOW.timestamp())}\n"
        f"Ratecard <ratecard@localhost> {int(NOW.timestamp())}\n"
        "Rename Haiku\n\n- set display_name of model anthropic/claude-haiku-4-5 to Claude Haiku"
    )


def test_work_tree_index_head_hooks_and_filters_stay_out_of_it(top: Path, run_git: RunGit) -> None:
    witness = top.parent / "hook-ran"
    for hook in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "pre-push", "post-checkout"):
        script = top / ".git" / "hooks" / hook
        script.write_text(f"#!/bin/sh\necho {hook} >> '{witness}'\n")
        script.chmod(0o755)
    run_git(top, "config", "filter.shout.clean", "tr a-z A-Z")
    (top / ".git" / "info" / "attributes").write_text("*.yaml filter=shout\n")
    (top / "README.md").write_text("Rates, edited\n")
    (top / "config" / "plans.yaml").write_text("# broken: [\n")
    status = run_git(top, "status", "--porcelain")
    index = (top / ".git" / "index").read_bytes()
    witness.unlink(missing_ok=True)
    proposal = make(top)
    assert not witness.exists()
    assert (top / ".git" / "index").read_bytes() == index
    assert run_git(top, "status", "--porcelain") == status
    assert run_git(top, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert "display_name: Claude Haiku\n" in run_git(top, "show", f"{proposal.branch}:config/registry/anthropic.yaml")


def test_a_file_keeps_its_mode_and_its_neighbours_their_place(top: Path, run_git: RunGit) -> None:
    run_git(top, "update-index", "--chmod=+x", "config/registry/anthropic.yaml")
    run_git(top, "commit", "--quiet", "-m", "Executable")
    before = run_git(top, "ls-tree", "-r", "main").splitlines()
    proposal = make(top)
    after = run_git(top, "ls-tree", "-r", proposal.branch).splitlines()
    changed = [line for line in after if line not in before]
    assert [(line.split()[0], line.split("\t")[1]) for line in changed] == [
        ("100755", "config/registry/anthropic.yaml")
    ]
    assert len(after) == len(before)


def test_a_taken_name_gets_a_number(top: Path, run_git: RunGit) -> None:
    assert [make(top).branch for _ in range(3)] == [
        "ratecard/rename-haiku",
        "ratecard/rename-haiku-2",
        "ratecard/rename-haiku-3",
    ]
    run_git(top, "branch", "ratecard/other/nested")
    assert make(top, title="Other").branch == "ratecard/other-2"


def test_files_come_and_go(top: Path, run_git: RunGit) -> None:
    added = make(
        top,
        AddEntity(parse_key("provider mistral"), {"display_name": "Mistral AI"}),
        AddEntity(parse_key("model mistral/large"), {"display_name": "Large", "type": "llm", "active": "false"}),
        title="Add Mistral",
    )
    assert added.files == ("config/registry/mistral.yaml",)
    assert run_git(top, "show", f"{added.branch}:config/registry/mistral.yaml").splitlines() == [
        "# yaml-language-server: $schema=../../schema/json/registry.json",
        "provider: mistral",
        "display_name: Mistral AI",
        "models:",
        "  large:",
        "    display_name: Large",
        "    type: llm",
        "    active: false",
    ]
    run_git(top, "merge", "--quiet", added.branch)
    removed = make(
        top,
        RemoveEntity(parse_key("model mistral/large")),
        RemoveEntity(parse_key("provider mistral")),
        title="Drop Mistral",
    )
    assert run_git(top, "diff", "--name-status", f"main..{removed.branch}") == "D\tconfig/registry/mistral.yaml"


def test_what_does_not_validate_is_refused_with_the_findings_and_leaves_nothing(top: Path, run_git: RunGit) -> None:
    with pytest.raises(ConfigError) as refusal:
        make(top, "route anthropic/extraction=claude-nine")
    assert [finding.place.line for finding in refusal.value.findings] == [4]
    assert run_git(top, "branch", "--list", "ratecard/*") == ""


def test_the_base_is_the_one_named_else_the_policys_else_main(top: Path, run_git: RunGit) -> None:
    run_git(top, "branch", "develop")
    assert make(top, base="develop").base == "develop"
    (top / "config" / "ratecard.yaml").write_text("base_branch: develop\n")
    run_git(top, "add", "config")
    run_git(top, "commit", "--quiet", "-m", "Policy")
    proposal = make(top)
    assert proposal.base == "develop"
    assert run_git(top, "rev-parse", f"{proposal.branch}~1") == run_git(top, "rev-parse", "develop")
    assert make(top, base="main").base == "main"


@pytest.mark.parametrize("base", ["nowhere", "main~0", "HEAD", "-x", "../main"])
def test_a_base_that_is_no_branch_is_refused(top: Path, base: str) -> None:
    with pytest.raises(RepositoryError) as refusal:
        make(top, base=base)
    assert str(refusal.value) == f"there is no branch '{base}' here or on origin; name the base with --base"


def test_a_base_that_is_only_on_origin_serves(top: Path, remote: Path, run_git: RunGit) -> None:
    run_git(top, "checkout", "--quiet", "--detach")
    run_git(top, "branch", "-D", "main")
    proposal = make(top)
    assert run_git(top, "rev-parse", f"{proposal.branch}~1") == run_git(top, "rev-parse", "origin/main")
    assert run_git(top, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_no_identity_no_title_no_change_are_refused(top: Path) -> None:
    with pytest.raises(RefusedError, match=r"^a proposal needs its author: run `git config user\.name NAME`"):
        make(top, author=None)
    with pytest.raises(RefusedError):
        make(top, author=Person(" ", "x@example.com"))
    with pytest.raises(UsageError, match=r"^a proposal needs a title$"):
        make(top, title=" \n ")
    with pytest.raises(UsageError, match=r"^the title has 201 characters; at most 200 fit$"):
        make(top, title="x" * 201)
    with pytest.raises(RefusedError, match=r"^nothing would change: main says all of this already$"):
        make(top, "model anthropic/claude-haiku-4-5#access=basic")


def test_other_entities_merge_and_the_same_one_refuses_and_shows_both(top: Path, run_git: RunGit) -> None:
    repository = Repository.open(top)
    files = repository.config_files("main", "config")
    haiku, opus = parse_key("model anthropic/claude-haiku-4-5"), parse_key("model anthropic/claude-3-opus")
    absent = parse_key("plan team")
    seen = {key: entity_version(files, key) for key in (haiku, opus, absent)}
    assert seen[absent] == ABSENT
    path = top / "config" / "registry" / "anthropic.yaml"
    path.write_text(path.read_text().replace("name: Claude 3 Opus", "name: Opus 3  # renamed"))
    run_git(top, "commit", "--quiet", "--all", "-m", "Rename Opus")
    merged = make(top, seen=seen)
    assert run_git(top, "diff", "--numstat", f"main..{merged.branch}") == "1\t1\tconfig/registry/anthropic.yaml"
    with pytest.raises(ConflictError) as refusal:
        make(top, "model anthropic/claude-3-opus#display_name=Opus Three", seen=seen)
    assert (refusal.value.key, refusal.value.code) == ("model anthropic/claude-3-opus", "CONFLICT")
    assert str(refusal.value) == (
        "model anthropic/claude-3-opus has changed since you saw it: it is now "
        '{"display_name": "Opus 3", "type": "llm", "access": "all", "active": "false"}, you want '
        '{"display_name": "Opus Three", "type": "llm", "access": "all", "active": "false"}'
    )


def test_a_price_seen_as_a_whole_conflicts_with_any_new_entry(top: Path, run_git: RunGit) -> None:
    files = Repository.open(top).config_files("main", "config")
    price = parse_key("price openai/gpt-4o")
    seen = {price: entity_version(files, price)}
    first = make(top, "price openai/gpt-4o#margin=1.6", seen=seen, title="First")
    run_git(top, "merge", "--quiet", first.branch)
    with pytest.raises(ConflictError, match=r"^price openai/gpt-4o has changed since you saw it"):
        make(top, "price openai/gpt-4o#margin=1.7", seen=seen, title="Second")


def test_a_preview_is_what_would_be_proposed_and_writes_nothing(top: Path, run_git: RunGit) -> None:
    edits = [parse_set("price openai/gpt-4o@2026-01-01#margin=1.4"), parse_set("plan pro#name=Professional")]
    objects = run_git(top, "count-objects")
    made = preview(Repository.open(top), edits, now=NOW)
    assert run_git(top, "count-objects") == objects
    assert sorted(made.files) == ["plans.yaml", "pricing/openai.yaml"]
    assert made.validation.ok
    assert made.notes == ("price openai/gpt-4o@2026-01-01 is in effect already: apply will ask for --reprice",)
    proposal = propose(Repository.open(top), edits, title="Both", author=DESK, now=NOW)
    said = [line for line in run_git(top, "diff", "main", proposal.branch).splitlines() if not line.startswith("index")]
    assert [line.split(" @@")[0] for line in said] == [line.split(" @@")[0] for line in made.diff.splitlines()]
    broken = preview(Repository.open(top), [parse_set("plan pro#access=nothing")], now=NOW)
    assert len(broken.validation.errors) == 1


def test_push_creates_the_branch_on_the_remote_without_force(top: Path, remote: Path, run_git: RunGit) -> None:
    proposal = make(top, push=True)
    assert run_git(remote, "rev-parse", "ratecard/rename-haiku") == proposal.commit
    assert proposal.url is None
    run_git(top, "branch", "-D", proposal.branch)
    assert make(top, push=True).branch == "ratecard/rename-haiku-2"


def test_a_push_that_fails_leaves_no_branch(top: Path, remote: Path, run_git: RunGit) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'branches are frozen' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RepositoryError, match=r"^the remote 'origin' did not take ratecard/rename-haiku: "):
        make(top, push=True)
    assert run_git(top, "branch", "--list", "ratecard/*") == ""
    run_git(top, "remote", "set-url", "origin", str(remote / "gone"))
    with pytest.raises(RepositoryError, match=r"^the remote 'origin' cannot be read: "):
        make(top, push=True)
    run_git(top, "remote", "remove", "origin")
    with pytest.raises(RepositoryError, match=r"^there is no remote 'origin' to push to"):
        make(top, push=True)
    assert run_git(top, "branch", "--list", "ratecard/*") == ""


def test_the_policys_forge_names_the_pull_request(top: Path, remote: Path, run_git: RunGit) -> None:
    policy = "forge:\n  kind: gitlab\n  url: https://git.example.com/team/rates\n  remote: upstream\n"
    (top / "config" / "ratecard.yaml").write_text(policy)
    run_git(top, "add", "config")
    run_git(top, "commit", "--quiet", "-m", "Policy")
    run_git(top, "remote", "rename", "origin", "upstream")
    proposal = make(top, push=True)
    assert proposal.url == (
        "https://git.example.com/team/rates/-/merge_requests/new"
        "?merge_request%5Bsource_branch%5D=ratecard%2Frename-haiku&merge_request%5Btarget_branch%5D=main"
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Lower the margin of Haiku", "lower-the-margin-of-haiku"),
        ("Preço: 20 % más!", "preco-20-mas"),
        ("价格", "edit"),
        ("../../etc; rm -rf", "etc-rm-rf"),
        ("x" * 80, "x" * 50),
        ("y" * 49 + " and more", "y" * 49),
    ],
)
def test_slugs(title: str, name: str) -> None:
    assert slug(title) == name


def test_a_title_forges_no_line_of_the_message(make_repository: MakeRepository, run_git: RunGit) -> None:
    top = make_repository(SMALL_CONFIG)
    made = make(top, title="Lower it\n\nSigned-off-by: Somebody <somebody@example.com>")
    assert run_git(top, "log", "-1", "--format=%s", made.commit) == (
        "Lower it Signed-off-by: Somebody <somebody@example.com>"
    )
    assert run_git(top, "log", "-1", "--format=%(trailers)", made.commit) == ""


@pytest.mark.parametrize("title", ["\x1b[2JLower it", "Lower\0it", "Lower \u202eit", "Lower it \udcff"])
def test_a_title_that_cannot_be_shown_is_refused(make_repository: MakeRepository, title: str) -> None:
    with pytest.raises(UsageError) as refused:
        make(make_repository(SMALL_CONFIG), title=title)
    assert str(refused.value) == "the title holds characters that cannot be shown; write it in printable text"


def test_config_at_the_top_level_and_elsewhere(make_repository: MakeRepository, small_config: dict[str, str]) -> None:
    deep = make_repository(small_config, folder="billing/rates")
    assert make(deep, folder="billing/rates").files == ("billing/rates/registry/anthropic.yaml",)


def test_the_command_leaves_the_status_clean_and_prints_json(
    top: Path, run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    done = run_ratecard("propose", "--set", SET_NAME, "--title", "Rename Haiku", "--format", "json", cwd=top)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "branch": "ratecard/rename-haiku",
        "commit": run_git(top, "rev-parse", "ratecard/rename-haiku"),
        "files": ["config/registry/anthropic.yaml"],
        "url": None,
    }
    assert run_git(top, "status", "--porcelain") == ""
    assert run_git(top, "diff", "main..ratecard/rename-haiku", "--stat").splitlines() == [
        "config/registry/anthropic.yaml | 2 +-",
        " 1 file changed, 1 insertion(+), 1 deletion(-)",
    ]
    assert run_git(top, "log", "-1", "--format=%an", "ratecard/rename-haiku") == "Price Desk"


def test_the_command_says_what_it_wrote(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    done = run_ratecard("propose", "--set", "price openai/gpt-4o@2026-01-01#margin=2", "--title", "Margin", cwd=top)
    commit = run_git(top, "rev-parse", "ratecard/margin")
    assert done.stdout == (
        f"ratecard/margin  {commit[:12]}  from main\n"
        "  config/pricing/openai.yaml  +1 -1\n"
        "look at it: git show ratecard/margin\n"
        "measure it: ratecard plan --ref ratecard/margin\n"
        "publish it: git push origin ratecard/margin\n"
    )
    assert done.stderr == (
        "ratecard: price openai/gpt-4o@2026-01-01 is in effect already: apply will ask for --reprice\n"
    )


def test_the_command_adds_removes_and_previews(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    words = (
        *("--add", "model openai/gpt-5", "--set", "model openai/gpt-5#display_name=GPT-5"),
        *("--set", "model openai/gpt-5#type=llm"),
        *("--add", "price openai/gpt-5@2026-01-01", "--set", "price openai/gpt-5@2026-01-01#per_million.input=2"),
        *("--set", "price openai/gpt-5@2026-01-01#per_million.output=8"),
        *("--set", "price openai/gpt-5@2026-01-01#margin=1.5"),
        *("--set", "route openai/_default=gpt-5", "--unset", "pack Growth#badge", "--remove", "pack Starter"),
    )
    done = run_ratecard("propose", *words, "--dry-run", cwd=top)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        "-  Starter:",
        "-    price: 5",
        "-    credits: 50000",
        "-    order: 1",
        "-    badge: Most Popular",
        "+  gpt-5:",
        "+    - effective: 2026-01-01",
        "+      per_million:",
        "+        input: 2",
        "+        output: 8",
        "+      margin: 1.5",
        "+  gpt-5:",
        "+    display_name: GPT-5",
        "+    type: llm",
        "-  _default: gpt-4o",
        "+  _default: gpt-5",
    ]
    assert run_git(top, "branch", "--list", "ratecard/*") == ""


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--title", "x"), 64, "nothing is proposed; use --set, --unset, --add, --remove or --rename"),
        (("--set", SET_NAME), 64, "a proposal needs a title; say what it is for with --title"),
        (("--set", "plan pro", "--title", "x"), 64, "'plan pro' sets nothing; write KEY#FIELD=VALUE"),
        (("--set", "plan pro=1", "--title", "x"), 64, "'plan pro=1' names no field; write KEY#FIELD=VALUE"),
        (
            ("--set", "plam pro#name=1", "--title", "x"),
            64,
            "'plam pro' is no key: 'plam' is not a kind; did you mean 'plan'?",
        ),
        (
            ("--set", "price openai/gpt-4o#margin=2", "--effective", "soon", "--title", "x"),
            64,
            "--effective: 'soon' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ",
        ),
        (("--set", "plan pri#name=1", "--title", "x"), 1, "there is no plan pri; did you mean 'pro'?"),
        (
            ("--set", SET_NAME, "--title", "x", "--base", "gone"),
            1,
            "there is no branch 'gone' here or on origin; name the base with --base",
        ),
    ],
)
def test_the_command_refuses_in_one_line(
    top: Path, run_ratecard: RunRatecard, words: tuple[str, ...], code: int, message: str
) -> None:
    done = run_ratecard("propose", *words, cwd=top)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"ratecard: {message}\n")


def test_the_command_without_identity_or_repository(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    run_git(top, "config", "--unset", "user.email")
    done = run_ratecard("propose", "--set", SET_NAME, "--title", "x", cwd=top)
    assert done.returncode == 1
    assert done.stderr.startswith("ratecard: a proposal needs its author: run `git config user.name NAME`")
    elsewhere = run_ratecard("propose", "--set", SET_NAME, "--title", "x")
    assert elsewhere.returncode == 1
    assert "is not in a git repository" in elsewhere.stderr


def test_two_at_once_get_two_branches(top: Path, run_git: RunGit) -> None:
    command = Path(sys.executable).parent / "ratecard"
    words = [str(command), "propose", "--set", SET_NAME, "--title", "Same", "--format", "json"]
    running = [subprocess.Popen(words, cwd=top, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    outputs = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0], outputs
    branches = sorted(json.loads(out)["branch"] for out, _ in outputs)
    assert branches == ["ratecard/same", "ratecard/same-2", "ratecard/same-3", "ratecard/same-4"]
