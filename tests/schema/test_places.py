"""YAML text as values that know their place, and every way in which a text can be unusable."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schema.findings import Place
from schema.places import MAX_BYTES, MAX_DEPTH, read_source, scalar


def _findings(data):
    return [
        (finding.code, finding.place.line, finding.place.column) for finding in read_source("f.yaml", data).findings
    ]


def _message(data):
    (finding,) = read_source("f.yaml", data).findings
    return finding.message


def test_scalars_stay_the_text_that_was_written():
    source = read_source("f.yaml", "a: 0.10\nb: no\nc: 2026-01-01\nd: 1_000\ne: 0x10\nf: 1e3\n")
    assert source.value == {"a": "0.10", "b": "no", "c": "2026-01-01", "d": "1_000", "e": "0x10", "f": "1e3"}


def test_only_plain_scalars_are_null():
    source = read_source("f.yaml", "a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: [~, \"~\", Null]\n")
    assert source.value == {"a": None, "b": None, "c": None, "d": "", "e": "null", "f": [None, "~", None]}


def test_block_text_is_text():
    assert read_source("f.yaml", "a: |\n  null\nb: >-\n  two\n  words\n").value == {"a": "null\n", "b": "two words"}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_nothing(text):
    source = read_source("f.yaml", text)
    assert (source.value, source.findings) == (None, [])
    assert source.place(("a", "b")) == Place("f.yaml", 1, 1)


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa: 1\nb: 2\n", b"a: 1\r\nb: 2\r\n", b"a: 1\rb: 2\r"])
def test_byte_order_marks_and_line_ends_are_read(data):
    source = read_source("f.yaml", data)
    assert source.value == {"a": "1", "b": "2"}
    assert source.place(("b",)) == Place("f.yaml", 2, 4)


# ---- places

DOCUMENT = """\
provider: anthropic
models:
  claude-haiku-4-5:   # the small one
    aliases: [one, two]
    type: llm
  "quoted/name":
    - effective: 2026-01-01
    - effective: 2026-02-01
"""


@pytest.mark.parametrize(
    ("path", "key", "line", "column"),
    [
        ((), False, 1, 1),
        (("provider",), False, 1, 11),
        (("provider",), True, 1, 1),
        (("models", "claude-haiku-4-5"), True, 3, 3),
        (("models", "claude-haiku-4-5"), False, 4, 5),
        (("models", "claude-haiku-4-5", "aliases", 1), False, 4, 20),
        (("models", "quoted/name"), True, 6, 3),
        (("models", "quoted/name", 1, "effective"), False, 8, 18),
        (("models", "quoted/name", 1, "effective"), True, 8, 7),
        (("models", "quoted/name", 1), True, 8, 7),
    ],
)
def test_places_of_keys_and_values(path, key, line, column):
    assert read_source("f.yaml", DOCUMENT).place(path, key=key) == Place("f.yaml", line, column)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("models", "claude-haiku-4-5", "display_name"), 4, 5),
        (("models", "claude-haiku-4-5", "aliases", 7), 4, 14),
        (("models", "claude-haiku-4-5", "type", "deeper", "still"), 5, 11),
        (("nothing", "at", "all"), 1, 1),
    ],
)
def test_a_missing_part_has_the_place_of_its_nearest_parent(path, line, column):
    assert read_source("f.yaml", DOCUMENT).place(path) == Place("f.yaml", line, column)


def test_nodes_are_found_or_none():
    source = read_source("f.yaml", DOCUMENT)
    assert source.node(("models", "claude-haiku-4-5", "type")).value == "llm"
    assert source.key_node(("models", "claude-haiku-4-5")).value == "claude-haiku-4-5"
    for path in (("models", "gone"), ("provider", "x"), ("models", "quoted/name", 2), ("models", "quoted/name", "x")):
        assert source.node(path) is None
    assert source.key_node(("models", "gone")) is None
    assert source.key_node(("models", "quoted/name", 0)) is None


def test_columns_count_characters():
    assert read_source("f.yaml", "{é: 'ü', b: 1}").place(("b",)) == Place("f.yaml", 1, 13)


# ---- faults of the text


def test_a_key_that_stands_twice_is_found_at_its_second_place():
    source = read_source("f.yaml", "a: 1\nb:\n  c: 1\n  d: 2\n  'c': 3\na: 4\n")
    assert [str(finding) for finding in source.findings] == [
        "f.yaml:5:3: 'c' stands twice; it is already set on line 3 [DUPLICATE_KEY]",
        "f.yaml:6:1: 'a' stands twice; it is already set on line 1 [DUPLICATE_KEY]",
    ]
    assert source.value == {"a": "1", "b": {"c": "1", "d": "2"}}
    assert source.typed(()) == {"a": 1, "b": {"c": 1, "d": 2}}


def test_a_key_that_is_no_text_is_found():
    source = read_source("f.yaml", "? [1, 2]\n: 3\nb: 1\n")
    assert [str(finding) for finding in source.findings] == ["f.yaml:1:3: a key must be plain text [BAD_KEY]"]
    assert source.value == {"b": "1"}
    assert source.typed(()) == {"b": 1}


def test_merge_keys_are_refused():
    text = "base: &base {a: 1}\nmore:\n  <<: *base\n  b: 2\n"
    assert _findings(text) == [("MERGE_KEY", 3, 3)]
    assert _findings("'<<': 1") == []


def test_tags_are_refused():
    source = read_source("f.yaml", "a: !!python/object/apply:os.getcwd []\nb: !env HOME\nc: hello!\n")
    assert [str(finding) for finding in source.findings] == [
        "f.yaml:1:4: tags are not read: remove tag:yaml.org,2002:python/object/apply:os.getcwd [TAG]",
        "f.yaml:2:4: tags are not read: remove !env [TAG]",
    ]


@pytest.mark.parametrize(
    ("data", "line", "column", "message"),
    [
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here; a file holds one: put it into a file of its own"),
        ("a: [1, 2\n", 1, 9, "this is not valid YAML: did not find expected ',' or ']'"),
        ("a: 1\n b: 2\n", 2, 3, "this is not valid YAML: mapping values are not allowed in this context"),
        ("a:\n\tb: 1\n", 2, 1, "this is not valid YAML: found character that cannot start any token"),
        ("a: *gone\n", 1, 4, "this is not valid YAML: found undefined alias"),
        ("a: 1\nb: \x00\n", 2, 4, "the character U+0000 cannot stand in YAML"),
        ("é: 1\nü: \x07\n", 2, 4, "the character U+0007 cannot stand in YAML"),
        (b"a: \xff\n", 1, 1, "byte 3 is not UTF-8; save the file as UTF-8"),
        ("a: 1".encode("utf-16"), 1, 1, "byte 0 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_unusable_text_is_one_finding(data, line, column, message):
    source = read_source("f.yaml", data)
    assert source.value is None
    (finding,) = source.findings
    assert (finding.message, finding.place) == (message, Place("f.yaml", line, column))
    assert finding.code == ("NOT_UTF8" if "UTF-8" in message else "YAML_SYNTAX")


def test_a_large_file_is_refused_before_it_is_read():
    assert _findings(b"#" * MAX_BYTES) == []
    assert _message(b"#" * (MAX_BYTES + 1)) == "the file has 5.0 MB; at most 5 MB are read: split it"


def _flow(levels):
    return "[" * levels + "]" * levels


def _block(levels, line_end="\n"):
    return line_end.join(" " * level + "a:" for level in range(levels))


@pytest.mark.parametrize("build", [_flow, _block])
def test_nesting_is_bounded(build):
    assert _findings(build(MAX_DEPTH)) == []
    ((code, _, _),) = _findings(build(MAX_DEPTH + 2))
    assert code == "TOO_DEEP"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        '["]", ' * 100_000,
        "[ # ]\n" * 100_000,
        _block(2_500),
        _block(2_500, "\r"),
        "\n".join("  " * level + ("- a:" if level else "a:") for level in range(2_000)),
        "a:\n" + "\n".join(" " * level + "-" for level in range(2_500)),
    ],
    ids=["lists", "mappings", "dashes", "questions", "quoted", "comments", "block", "old line ends", "mixed", "bare"],
)
def test_no_nesting_ends_the_process(text):
    ((code, _, _),) = _findings(text)
    assert code == "TOO_DEEP"


def test_aliases_that_explode_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)]
    (finding,) = read_source("f.yaml", "\n".join(lines)).findings
    assert (finding.code, finding.place.line) == ("ANCHOR_EXPLOSION", 1)
    assert finding.message.startswith("aliases (*) blow ")


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: {c: *a}}", "&a [1, [2, *a]]", "a: &a {*a : 1}"])
def test_an_alias_inside_its_own_anchor_is_refused(text):
    (finding,) = read_source("f.yaml", text).findings
    assert finding.code == "ANCHOR_EXPLOSION"
    assert finding.message == "an alias (*) stands inside the very value that its anchor (&) names"


def test_modest_aliases_are_read():
    source = read_source("f.yaml", "a: &rates {input: 1.00}\nb: *rates\nc: [*rates, *rates]\n")
    rates = {"input": "1.00"}
    assert (source.value, source.findings) == ({"a": rates, "b": rates, "c": [rates, rates]}, [])
    assert source.place(("b", "input")) == Place("f.yaml", 1, 19)


# ---- core types


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("off", "off"),
        ("12", 12),
        ("-7", -7),
        ("007", "007"),
        ("0", 0),
        ("1_5", "1_5"),
        ("1_000", 1000),
        ("0.10", Decimal("0.10")),
        ("+1.5", Decimal("1.5")),
        ("1e3", Decimal("1e3")),
        ("2026-01-01", "2026-01-01"),
        (".5", ".5"),
        ("1.", "1."),
        ("0x1f", "0x1f"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        ("nan", "nan"),
        ("١٢", "١٢"),
        ("1e999999999", "1e999999999"),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_scalars_by_the_core_schema(text, value):
    found = scalar(text)
    assert (found, type(found)) == (value, type(value))


def test_numbers_keep_their_digits():
    assert str(scalar("0.10")) == "0.10"


def test_typed_values_know_quotes_and_depth():
    source = read_source("f.yaml", "extra:\n  a: [1, '1', 2.50, true, \"true\", ~]\n  b: {c: no}\n")
    assert source.typed(("extra",)) == {"a": [1, "1", Decimal("2.50"), True, "true", None], "b": {"c": "no"}}
    assert source.typed(("extra", "gone")) is None
