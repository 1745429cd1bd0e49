"""The README's tour, run as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import RunRatecard

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text()


def tour_commands() -> list[str]:
    tour = README.split("## Five minutes", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```sh\n(.*?)```", tour, flags=re.DOTALL)


def run_shell(command: str, folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(["bash", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def test_the_tour_bills_a_call_by_the_edited_price(tmp_path: Path, run_ratecard: RunRatecard) -> None:
    repository = tmp_path / "ratecard"
    shutil.copytree(TOP / "config", repository / "config")
    run_shell("git init -q -b main && git config user.name Desk && git config user.email desk@example.com", repository)
    run_shell("git add -A && git commit -qm Begin", repository)
    demo = run_ratecard("demo", "--no-serve", cwd=repository)
    assert demo.returncode == 0, demo.stderr
    look, propose, merge, meter, see = (run_shell(command, repository) for command in tour_commands())
    assert look.endswith("no changes\n")
    assert "+      margin: 3.4" in propose
    assert re.search(r"margin +3 +-> +3\.4", merge)
    head = run_shell("git rev-parse --short=12 HEAD", repository).strip()
    assert meter.startswith("cost $0.003500000  charge $0.011900000  balance $")
    assert meter.strip().endswith(f"release 2, commit {head}")
    assert "anthropic/claude-haiku-4-5" in see
    assert run_shell("git status --short", repository) == ""


def test_every_file_that_the_readme_names_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (TOP / link).exists()] == []
