from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.small_config import SMALL_CONFIG
from tests.sync.targets import prices

Run = Callable[..., "CompletedProcess[str]"]
BROKEN = SMALL_CONFIG["pricing/openai.yaml"].replace("per_million:", "per_milion:")
SLIPPED = prices("{effective: 2026-01-01, per_million: {input: 1, output: 2}, margin: 0.9}")


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def test_json_has_the_contracts_shape(run_ratecard: Run, tmp_path: Path) -> None:
    write(tmp_path / "config", SMALL_CONFIG)
    done = run_ratecard("validate", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["ok"], told["errors"], told["warnings"]) == (True, [], [])
    assert {kind: told["counts"][kind] for kind in ("provider", "model", "price", "route", "plan", "pack")} == {
        "provider": 2,
        "model": 4,
        "price": 4,
        "route": 4,
        "plan": 2,
        "pack": 2,
    }


def test_broken_key_is_named_by_file_line_and_column(run_ratecard: Run, tmp_path: Path) -> None:
    write(tmp_path / "config", {**SMALL_CONFIG, "pricing/openai.yaml": BROKEN})
    done = run_ratecard("validate", "--format", "json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert told["errors"] == [
        {
            "code": "UNKNOWN_KEY",
            "message": "'per_milion' is not a key here; did you mean 'per_million'? (known: per_million, per_unit,"
            " effective, above_input, margin, charge, credits, source, note, accept)",
            "file": "config/pricing/openai.yaml",
            "line": 5,
            "column": 7,
        }
    ]


def test_text_names_each_finding_and_sums_up(run_ratecard: Run, tmp_path: Path) -> None:
    files = {**SMALL_CONFIG, "pricing/openai.yaml": SLIPPED}
    write(tmp_path / "prices", files)
    done = run_ratecard("validate", "--config", "prices/")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "prices/pricing/openai.yaml:4:75: warning: a margin of 0.9 sells below cost [MARGIN_BELOW_ONE]",
        "10 files with 4 models, 4 prices, 4 routes, 2 plans: 0 errors and 1 warning",
    ]
    write(tmp_path / "prices", {"settings.yaml": "default_plan: fre\n"})
    done = run_ratecard("validate", "--config", "prices")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == (
        "prices/settings.yaml:1:15: error: 'fre' is not a plan; did you mean 'free'? [UNKNOWN_PLAN]"
    )
    assert done.stderr == "1 error and 1 warning in 10 files\n"


def test_github_annotations_name_their_lines(run_ratecard: Run, tmp_path: Path) -> None:
    write(tmp_path / "config", {**SMALL_CONFIG, "settings.yaml": "site_nam: 100%\n", "pricing/openai.yaml": SLIPPED})
    done = run_ratecard("validate", "--format", "github")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "::error file=config/settings.yaml,line=1,col=1,title=UNKNOWN_KEY::'site_nam' is not a key here"
    )
    assert lines[1] == (
        "::warning file=config/pricing/openai.yaml,line=4,col=75,title=MARGIN_BELOW_ONE::"
        "a margin of 0.9 sells below cost"
    )


def test_ref_reads_the_commit(run_ratecard: Run, make_repository: Callable[..., Path]) -> None:
    top = make_repository(SMALL_CONFIG)
    (top / "config" / "settings.yaml").write_text("default_plan: fre\n")
    assert run_ratecard("validate", cwd=top).returncode == 1
    assert run_ratecard("validate", "--ref", "main", cwd=top).returncode == 0
    done = run_ratecard("validate", "--ref", "nowhere", cwd=top)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ratecard: 'nowhere' names no commit of {top.resolve()}\n"


def test_missing_and_empty_folders_are_one_line(run_ratecard: Run, tmp_path: Path) -> None:
    done = run_ratecard("validate")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ratecard: the folder config does not exist; name the folder of YAML with --config\n"
    (tmp_path / "config").mkdir()
    done = run_ratecard("validate", "--format", "json")
    assert done.returncode == 1
    assert [(finding["code"], finding["file"]) for finding in json.loads(done.stdout)["errors"]] == [
        ("EMPTY_CONFIG", "config")
    ]


def test_environment_admin_is_protected(run_ratecard: Run, tmp_path: Path) -> None:
    write(tmp_path / "config", {**SMALL_CONFIG, "access.yaml": "viewers: [owner@example.com]\n"})
    assert run_ratecard("validate").returncode == 0
    done = run_ratecard("validate", env={"RATECARD_ADMINS": "OWNER@example.com"})
    assert done.returncode == 1
    assert "[ADMIN_EMAILS_PROTECTED]" in done.stdout


def test_wrong_usage_is_64(run_ratecard: Run) -> None:
    done = run_ratecard("validate", "--format", "markdown")
    assert done.returncode == 64
    assert "Traceback" not in done.stderr


def test_annotations_lead_to_a_nested_folder(run_ratecard: Run, make_repository: Callable[..., Path]) -> None:
    top = make_repository({**SMALL_CONFIG, "settings.yaml": "site_nam: x\n"}, folder="services/billing/prices")
    expected = "::error file=services/billing/prices/settings.yaml,line=1,col=1,title=UNKNOWN_KEY::"
    words = ("validate", "--format", "github", "--config")
    for folder, config in ((top, "services/billing/prices"), (top / "services", "billing/prices/")):
        assert run_ratecard(*words, config, cwd=folder).stdout.startswith(expected)
    inside = run_ratecard(*words, ".", cwd=top / "services/billing/prices")
    assert inside.stdout.startswith(expected)
    assert run_ratecard(*words, "../prices", cwd=top / "services/billing/prices").stdout.startswith(expected)
    assert run_ratecard(*words, str(top / "services/billing/prices"), cwd=top).stdout.startswith(expected)
