"""The README's tour, run as it is written."""

import re
from pathlib import Path

from tests.shell_pages import TOP, blocks, make_demo, run_shell

README = (TOP / "README.md").read_text()


def tour_commands() -> list[str]:
    return blocks(README.split("## Five minutes", 1)[1].split("\n## ", 1)[0])


def test_the_tour_bills_a_call_by_the_edited_price(tmp_path: Path) -> None:
    repository = make_demo(tmp_path)
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
