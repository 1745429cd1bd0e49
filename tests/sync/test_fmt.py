from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.places import read_source
from sync.errors import EditError
from sync.fmt import format_file, format_files
from tests.conftest import RunRatecard
from tests.sync.edit.awkward import AWKWARD

SHIPPED = Path(__file__).parents[2] / "config"
REFERENCE = "../schema/json/plans.json"
HEAD = f"# yaml-language-server: $schema={REFERENCE}\n"
NO_CANONICAL_FORM = {"quoted_keys"}
"""Documents with `? key`."""


def formatted(text: str | bytes) -> tuple[str, list[str]]:
    data = text.encode() if isinstance(text, str) else text
    done = format_file("plans.yaml", data, REFERENCE)
    assert done.findings == ()
    return done.data.decode(), [str(deviation) for deviation in done.deviations]


MESSY = """\
# The plans.
plans:
    # about free
    free:  # behind
        name:\tFree  \x20
        limits:
        # above a list
        - a
        -   b: 1
            c: |
                 kept \x20
                   deeper

                 end
        # below the list
        note: "over
           two lines"
        long: goes
              on
        flow: {a: 1,
               b: 2}
    # about pro
    pro:
        name: >2-
           text
        empty:
  # odd

# tail


"""
TIDY = """\
# yaml-language-server: $schema=../schema/json/plans.json
# The plans.
plans:
  # about free
  free:  # behind
    name: Free
    limits:
      # above a list
      - a
      - b: 1
        c: |
          kept \x20
            deeper

          end
    # below the list
    note: "over
      two lines"
    long: goes
      on
    flow: {a: 1,
           b: 2}
  # about pro
  pro:
    name: >2-
       text
    empty:
    # odd

# tail
"""


def test_the_canonical_form_of_a_messy_file() -> None:
    text, deviations = formatted(MESSY)
    assert text == TIDY
    assert deviations == [
        "tabs (line 5)",
        "blanks at the end (line 5)",
        "indentation (lines 3, 4, 5 …)",
        "no schema line first",
        "not one line end at the end",
    ]
    assert formatted(TIDY) == (TIDY, [])


def test_what_is_canonical_stays(small_config: dict[str, str]) -> None:
    for path, text in small_config.items():
        done = format_file(path, text.encode(), REFERENCE)
        assert done.data.decode() == HEAD + text
        assert [str(deviation) for deviation in done.deviations] == ["no schema line first"]


def test_the_shipped_configuration_is_canonical() -> None:
    files = {path.relative_to(SHIPPED).as_posix(): path.read_bytes() for path in SHIPPED.rglob("*.yaml")}
    assert len(files) > 20
    assert format_files(files) == []


@pytest.mark.parametrize("name", sorted(set(AWKWARD) - NO_CANONICAL_FORM))
def test_awkward_files_keep_their_values_and_comments_and_settle_at_once(name: str) -> None:
    text, _ = formatted(AWKWARD[name])
    assert read_source("f", text).value == read_source("f", AWKWARD[name]).value
    assert formatted(text) == (text, [])
    words = [re.sub(r"\s+", "", part) for part in (text.removeprefix(HEAD), AWKWARD[name])]
    assert words[0] == words[1]
    assert "\r" not in text
    assert text.endswith("\n")


def test_an_explicit_key_has_no_canonical_form() -> None:
    with pytest.raises(EditError, match=r"^config/plans\.yaml:6: `\? key` has no canonical form; write `key:`$"):
        formatted(AWKWARD["quoted_keys"])


@pytest.mark.parametrize(
    ("text", "wanted", "deviations"),
    [
        (b"\xef\xbb\xbfa: 1\r\nb: 2", b"a: 1\nb: 2\n", "byte order mark|line ends other than LF"),
        ("a:\n- 1\n- - 2\n  - 3\n", "a:\n  - 1\n  - - 2\n    - 3\n", "indentation (lines 2, 3, 4)"),
        ("a: 1\n# end  \n", "a: 1\n# end\n", "blanks at the end (line 2)"),
        ("a: |+\n  x\n\n\n", "a: |+\n  x\n\n\n", ""),
        ("a: &x\n    - 1\nb: *x\n", "a: &x\n  - 1\nb: *x\n", "indentation (line 2)"),
        ("a:\n-\n    b: 1\n", "a:\n  -\n    b: 1\n", "indentation (line 2)"),
        ("a:\n    1\n", "a:\n  1\n", "indentation (line 2)"),
        ("a: 'x\ty'  # c\td\n", "a: 'x\ty'  # c\td\n", ""),
        ("a: 1\t# c\n", "a: 1 # c\n", "tabs (line 1)"),
    ],
)
def test_single_deviations(text: str | bytes, wanted: str | bytes, deviations: str) -> None:
    wanted = wanted if isinstance(wanted, str) else wanted.decode()
    result, found = formatted(text)
    assert result == HEAD + wanted
    expected = ["no schema line first"]
    for one in reversed([word for word in deviations.split("|") if word]):
        expected.insert(0, one)
    assert [one for one in found if one != "not one line end at the end"] == expected


def test_a_schema_line_is_moved_to_the_top_and_its_path_is_kept() -> None:
    text, _ = formatted("# Title\n# yaml-language-server: $schema=./mine.json\na: 1\n")
    assert text == "# yaml-language-server: $schema=./mine.json\n# Title\na: 1\n"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_other_indentation_comes_back_to_the_same_form(data: st.DataObject) -> None:
    step = data.draw(st.integers(1, 7))
    names = st.sampled_from(["a", "b", "long name", "ü"])
    values = st.recursive(
        st.sampled_from(["1", "text", '"quoted"', ""]),
        lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3),
        max_leaves=10,
    )
    value = data.draw(st.dictionaries(names, values, min_size=1, max_size=3))
    once, _ = formatted("\n".join(rendered(value, 0, step)) + "\n")
    assert once == HEAD + "\n".join(rendered(value, 0, 2)) + "\n"
    assert formatted(once) == (once, [])


def rendered(value: object, column: int, step: int) -> list[str]:
    """Lines of a value with a comment above each, `step` spaces a level."""
    pad = " " * column
    lines: list[str] = []
    for key, child in value.items() if isinstance(value, dict) else [(None, child) for child in value]:  # type: ignore[attr-defined]
        start = f"{pad}{key}:" if key is not None else f"{pad}-"
        lines.append(f"{pad}# comment")
        if isinstance(child, str):
            lines.append(f"{start} {child}".rstrip())
        else:
            lines += [start, *rendered(child, column + step, step)]
    return lines


def test_the_command_checks_and_rewrites(tmp_path: Path, run_ratecard: RunRatecard) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    plans = folder / "plans.yaml"
    plans.write_text("plans:\n    free:\n        name: Free  \n")
    plans.chmod(0o640)
    (folder / "tasks.yaml").write_text("# yaml-language-server: $schema=../../schema/json/tasks.json\ntasks: {}\n")
    checked = run_ratecard("fmt", "--check", cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (
        1,
        "ratecard: 1 file is not in canonical form; run `ratecard fmt`\n",
    )
    assert checked.stdout == (
        "config/plans.yaml: blanks at the end (line 3), indentation (lines 2, 3), no schema line first\n"
    )
    asked = run_ratecard("fmt", "--check", "--format", "json", cwd=tmp_path)
    assert json.loads(asked.stdout) == {
        "ok": False,
        "files": [
            {
                "file": "config/plans.yaml",
                "deviations": [
                    {"what": "blanks at the end", "lines": [3]},
                    {"what": "indentation", "lines": [2, 3]},
                    {"what": "no schema line first", "lines": []},
                ],
            }
        ],
    }
    assert run_ratecard("fmt", cwd=tmp_path).returncode == 0
    assert plans.read_text() == (
        "# yaml-language-server: $schema=../../schema/json/plans.json\nplans:\n  free:\n    name: Free\n"
    )
    assert plans.stat().st_mode & 0o777 == 0o640
    again = run_ratecard("fmt", "--check", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "every file is in canonical form\n")


def test_the_command_refuses_what_it_cannot_read(tmp_path: Path, run_ratecard: RunRatecard) -> None:
    missing = run_ratecard("fmt", "--check", cwd=tmp_path)
    assert (missing.returncode, missing.stderr) == (
        1,
        "ratecard: the folder config does not exist; name the folder of YAML with --config\n",
    )
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "plans.yaml").write_text("plans: {\n")
    (tmp_path / "config" / "tasks.yaml").write_text("tasks:   {}  \n")
    broken = run_ratecard("fmt", cwd=tmp_path)
    assert broken.returncode == 1
    assert broken.stderr.startswith("ratecard: 1 error in the configuration: config/plans.yaml:1:9: ")
    assert (tmp_path / "config" / "tasks.yaml").read_text() == "tasks:   {}  \n"
