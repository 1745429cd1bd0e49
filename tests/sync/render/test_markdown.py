from __future__ import annotations

import pytest

from sync.render.markdown import cell, code

ZERO_WIDTH_SPACE = "\u200b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x>", "\\<img src=x\\>"),
        ("[here](https://example.com)", "\\[here\\](https://example.com)"),
        ("a | b `c` *d* _e_ \\", "a \\| b \\`c\\` \\*d\\* \\_e\\_ \\\\"),
        ("one\ntwo", "one two"),
        ("red \x1b[31m \u202e", "red \ufffd\\[31m \ufffd"),
    ],
)
def test_no_text_of_a_document_is_markup_in_a_comment(text: str, shown: str) -> None:
    assert cell(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@everyone", f"@{ZERO_WIDTH_SPACE}everyone"),
        ("(@team/prices)", f"(@{ZERO_WIDTH_SPACE}team/prices)"),
        ("see #12 and other/repository#3", f"see #{ZERO_WIDTH_SPACE}12 and other/repository#{ZERO_WIDTH_SPACE}3"),
        ("prices@example.com", "prices@example.com"),
        ("@ # alone", "@ # alone"),
    ],
)
def test_no_text_of_a_document_calls_people_or_links_issues(text: str, shown: str) -> None:
    """A backslash does not keep a forge from notifying whom a comment mentions: it is gone when mentions are found."""
    assert cell(text) == shown


def test_no_name_ends_its_code() -> None:
    assert code("a`b|c\n\n@everyone") == "`abc\ufffd\ufffd@everyone`"
