from __future__ import annotations

from dataclasses import replace

from schema.catalogue import Catalogue
from schema.findings import Finding, Place, Severity
from sync.checks import Validation
from sync.render.findings import findings_github, findings_text, summary_text
from sync.render.style import Style, table

REPLACED = "\N{REPLACEMENT CHARACTER}"
FOUND = Validation(
    Catalogue("config"),
    (Finding("BAD_VALUE", "100% wrong\nand\x1b[2J more", Place("a,b:c.yaml", 3, 7)),),
    (Finding("TENFOLD_CHANGE", "look", Place("p.yaml", 1, 2), "warning"),),
    {"model": 1, "price": 2, "route": 0, "plan": 0},
)


def test_annotations_escape_what_github_reads_itself() -> None:
    assert list(findings_github(FOUND)) == [
        f"::error file=a%2Cb%3Ac.yaml,line=3,col=7,title=BAD_VALUE::100%25 wrong{REPLACED}and{REPLACED}[2J more",
        "::warning file=p.yaml,line=1,col=2,title=TENFOLD_CHANGE::look",
    ]


def test_text_is_one_line_each_and_moves_no_cursor() -> None:
    assert list(findings_text(FOUND, Style())) == [
        f"a,b:c.yaml:3:7: error: 100% wrong{REPLACED}and{REPLACED}[2J more [BAD_VALUE]",
        "p.yaml:1:2: warning: look [TENFOLD_CHANGE]",
    ]
    assert "\x1b[31merror\x1b[0m" in next(findings_text(FOUND, Style(colour=True)))


def test_summary_counts_what_there_is() -> None:
    assert summary_text(FOUND) == "1 error and 1 warning in 0 files"
    assert summary_text(replace(FOUND, errors=(), warnings=())) == (
        "0 files with 1 model, 2 prices, 0 routes, 0 plans: fine"
    )


def test_columns_are_aligned() -> None:
    assert table([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]
    assert table([]) == []


def many(errors: int, warnings: int) -> Validation:
    def made(count: int, severity: Severity) -> tuple[Finding, ...]:
        places = (Place("config/p.yaml", line, 1) for line in range(1, count + 1))
        return tuple(Finding("BAD_VALUE", "::error::pay 1%", place, severity) for place in places)

    return replace(FOUND, errors=made(errors, "error"), warnings=made(warnings, "warning"))


def test_as_many_annotations_as_github_shows() -> None:
    lines = list(findings_github(many(10, 10)))
    assert len(lines) == 20
    assert lines[9] == "::error file=config/p.yaml,line=10,col=1,title=BAD_VALUE::::error::pay 1%25"


def test_what_github_would_not_show_is_counted_and_listed_where_no_command_is_read() -> None:
    lines = list(findings_github(many(12, 2)))
    assert [line.partition(" ")[0] for line in lines[:12]] == ["::error"] * 10 + ["::warning"] * 2
    assert lines[9] == "::error title=3 more errors::the log of this step lists them all"
    command, token = lines[12].rsplit("::", 1)
    assert (command, len(token), lines[-1]) == ("::stop-commands", 64, f"::{token}::")
    assert lines[13:-1] == list(findings_text(many(12, 2), Style()))
    assert not any(token in line for line in lines[13:-1])


def test_annotations_are_cut_before_github_cuts_them() -> None:
    (line,) = findings_github(replace(FOUND, errors=(Finding("BAD_VALUE", "%" * 5_000, Place("a.yaml")),), warnings=()))
    assert line.partition("BAD_VALUE::")[2] == "%25" * 3_999 + "…"


def test_no_name_of_a_file_ends_a_command() -> None:
    found = replace(FOUND, errors=(Finding("BAD_VALUE", "no", Place("./config/a\nb.yaml", 3, 7)),), warnings=())
    assert list(findings_github(found)) == ["::error file=config/a%0Ab.yaml,line=3,col=7,title=BAD_VALUE::no"]
