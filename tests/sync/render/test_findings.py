from __future__ import annotations

from dataclasses import replace

from schema.catalogue import Catalogue
from schema.findings import Finding, Place
from sync.checks import Validation
from sync.render.findings import findings_github, findings_text, summary_text
from sync.render.style import Style, table

FOUND = Validation(
    Catalogue("config"),
    (Finding("BAD_VALUE", "100% wrong\nand\x1b[2J more", Place("a,b:c.yaml", 3, 7)),),
    (Finding("TENFOLD_CHANGE", "look", Place("p.yaml", 1, 2), "warning"),),
    {"model": 1, "price": 2, "route": 0, "plan": 0},
)


def test_annotations_escape_what_github_reads_itself() -> None:
    assert list(findings_github(FOUND)) == [
        "::error file=a%2Cb%3Ac.yaml,line=3,col=7,title=BAD_VALUE::100%25 wrong%0Aand\x1b[2J more",
        "::warning file=p.yaml,line=1,col=2,title=TENFOLD_CHANGE::look",
    ]


def test_text_is_one_line_each_and_moves_no_cursor() -> None:
    replaced = "\N{REPLACEMENT CHARACTER}"
    assert list(findings_text(FOUND, Style())) == [
        f"a,b:c.yaml:3:7: error: 100% wrong{replaced}and{replaced}[2J more [BAD_VALUE]",
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
