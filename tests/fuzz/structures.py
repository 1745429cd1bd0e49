"""Mutations of what documents say: keys, values, types and places, written as YAML again by a small emitter.

A document is a tree of `Mapping`s (pairs, so that a key may stand twice), lists and raw scalars, which are written as
they are: an odd scalar is as likely to be no YAML at all as to be a wrong value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random

import yaml

from tests.fuzz.trees import Files

ODD_SCALARS = (
    "",
    "~",
    "null",
    "true",
    "no",
    "0",
    "-0",
    "-1",
    "-0.5",
    "+2.5",
    ".5",
    "5.",
    "007",
    "010",
    "0.0000001",
    "0.000000000001",
    "0.1000000000000",
    "1e3",
    "1E-7",
    "1e400",
    "1e-999999",
    "9007199254740993",
    "1" * 120,
    "1_000",
    "1__0",
    "1_5",
    "2,50",
    "1:30",
    "0x10",
    "0o17",
    ".inf",
    "-.inf",
    ".nan",
    "NaN",
    "\u0663",
    "\uff12.5",
    "100",
    "1000000",
    "2026-01-01",
    "2026-13-01",
    "2026-02-30",
    "2026-W01-1",
    "20260101",
    "0001-01-01",
    "9999-12-31",
    "2026-01-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-06-30T23:59:60Z",
    "2026-01-01 00:00:00 +25:00",
    "2026-01-01T00:00:00.000000001Z",
    "2199-12-31T23:59:59-01:00",
    "unlimited",
    "custom",
    "x" * 600,
    "'quoted'",
    '"\\u0000"',
    '"\\u202e"',
    '"\\ud800"',
    '"\\n"',
    "' '",
    "\u202e",
    "\u200b",
    "\U0001f600",
    "caf\u00e9",
    "<<",
    "!!int 5",
    "!!python/object/apply:os.system [ls]",
    "*missing",
    "&anchor 1",
    "[",
    "{a: 1}",
    "[1, 2]",
    "a: b",
    "# c",
    "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "../../etc/passwd",
    "openai/gpt-4o",
    "claude-haiku",
    "anthropic/claude-3-opus",
    "_default",
    "gpt-4o",
    "free",
    "input",
    "output",
    "image",
    "@",
    "a b",
    "a#b",
    "%",
)
DEEP = 60


@dataclass
class Mapping:
    """Keys and values in order; a key may stand twice."""

    pairs: list[list[object]] = field(default_factory=list)


Node = object
"""A Mapping, a list or the text of a scalar."""


@cache
def _read(data: bytes) -> Node:
    return _plain(yaml.compose(data.decode(), yaml.CBaseLoader))


def _plain(node: yaml.Node) -> Node:
    if isinstance(node, yaml.MappingNode):
        return Mapping([[_plain(key), _plain(value)] for key, value in node.value])
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child) for child in node.value]
    text = str(node.value)
    return text if node.style in (None, "") and "\n" not in text else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _copy(node: Node) -> Node:
    if isinstance(node, Mapping):
        return Mapping([[_copy(key), _copy(value)] for key, value in node.pairs])
    return [_copy(child) for child in node] if isinstance(node, list) else node


def emit(node: Node, random: Random, indent: int = 0) -> str:
    """YAML of a node: block style, now and then flow style."""
    if isinstance(node, str):
        return f" {node}\n"
    children = node.pairs if isinstance(node, Mapping) else node
    if not isinstance(children, list) or not children or indent > 20 or random.random() < 0.15:
        return f" {_flow(node)}\n"
    pad = "  " * indent
    lines = ["\n"]
    for child in children:
        if isinstance(node, Mapping):
            key, value = child  # type: ignore[misc]
            lines.append(f"{pad}{_flow(key)}:{emit(value, random, indent + 1)}")
        else:
            lines.append(f"{pad}-{emit(child, random, indent + 1)}")
    return "".join(lines)


def _flow(node: Node) -> str:
    if isinstance(node, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(value)}" for key, value in node.pairs) + "}"
    return "[" + ", ".join(_flow(child) for child in node) + "]" if isinstance(node, list) else str(node)


@dataclass
class Spot:
    """A place in a document: one child of a mapping or a list."""

    parent: Mapping | list[Node]
    index: int

    @property
    def value(self) -> Node:
        """What stands there."""
        return self.parent.pairs[self.index][1] if isinstance(self.parent, Mapping) else self.parent[self.index]

    @value.setter
    def value(self, node: Node) -> None:
        if isinstance(self.parent, Mapping):
            self.parent.pairs[self.index][1] = node
        else:
            self.parent[self.index] = node

    @property
    def siblings(self) -> list[Node]:
        """The children of the same parent."""
        return self.parent.pairs if isinstance(self.parent, Mapping) else self.parent  # type: ignore[return-value]


def _spots(node: Node) -> Iterator[Spot]:
    children = node.pairs if isinstance(node, Mapping) else node if isinstance(node, list) else []
    for index in range(len(children)):
        spot = Spot(node, index)  # type: ignore[arg-type]
        yield spot
        yield from _spots(spot.value)


def _delete(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    del spot.siblings[spot.index]


def _duplicate(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    spot.siblings.insert(random.randrange(len(spot.siblings) + 1), _copy_child(spot.siblings[spot.index]))


def _copy_child(child: Node) -> Node:
    # A pair of a mapping is a list of two.
    return [_copy(part) for part in child] if isinstance(child, list) else _copy(child)


def _rename(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    if not isinstance(spot.parent, Mapping):
        return
    pair = spot.parent.pairs[spot.index]
    text = pair[0]
    if isinstance(text, str) and len(text) > 2 and random.random() < 0.5:
        at = random.randrange(len(text) - 1)
        pair[0] = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    else:
        pair[0] = random.choice([*vocabulary, *ODD_SCALARS])


def _odd(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    spot.value = random.choice(ODD_SCALARS)


def _known(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    spot.value = random.choice(vocabulary)


def _number(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    value = spot.value
    if isinstance(value, str) and value[:1].isdigit() and "-" not in value:
        change = random.choice(("{}0", "{}00", "{}000", "-{}", "0.{}", "{}.5", "{}e2", "{}e-3", "{}1", "0{}", "{}_0"))
        spot.value = change.format(value)


def _date(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    value = spot.value
    if isinstance(value, str) and value[:2] == "20" and value.count("-") >= 2:
        year = random.choice(("1969", "1970", "2020", "2026", "2027", "2199", "2200", "99999"))
        spot.value = random.choice(
            (year + value[4:], value + "T12:00:00", value.replace("-", "/"), value + " ", value[:7])
        )


def _retype(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    value = spot.value
    spot.value = random.choice(
        ([value], [], Mapping(), Mapping([["default", value]]), _flow(value), [value, _copy(value)])
    )


def _swap(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    other = random.choice(spot.siblings)
    if isinstance(spot.parent, Mapping):
        pair = spot.parent.pairs[spot.index]
        pair[1], other[1] = other[1], pair[1]  # type: ignore[index]
    else:
        random.shuffle(spot.parent)


def _nest(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    value = spot.value
    for _ in range(random.choice((1, 2, DEEP))):
        value = [value] if random.random() < 0.5 else Mapping([[random.choice(vocabulary), value]])
    spot.value = value


def _graft(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    """A copy of a neighbour's value, with one part of it gone."""
    other = random.choice(spot.siblings)
    value = _copy(other[1] if isinstance(spot.parent, Mapping) else other)  # type: ignore[index]
    if isinstance(value, Mapping) and value.pairs:
        del value.pairs[random.randrange(len(value.pairs))]
    spot.value = value


def _anchor(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    value = _flow(spot.value)
    match random.randrange(4):
        case 0:
            spot.value = f"&a {value}"
        case 1:
            spot.value = f"[&b {value}, *b, *b]"
        case 2:
            spot.value = "&c [*c]"
        case _:
            laughs = ", ".join(f"&l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 8))
            spot.value = f"[&l0 [ha, ha], {laughs}]"


def _merge(spot: Spot, random: Random, vocabulary: list[str]) -> None:
    spot.siblings.insert(0, ["<<", Mapping([["display_name", "x"]])])


_CHANGES: tuple[Callable[[Spot, Random, list[str]], None], ...] = (
    *(
        _delete,
        _delete,
        _duplicate,
        _rename,
        _odd,
        _odd,
        _known,
        _known,
        _graft,
        _number,
        _number,
        _number,
        _number,
        _date,
        _date,
    ),
    *(_retype, _swap, _swap, _nest, _anchor, _merge),
)


def mutate_structure(base: Files, random: Random) -> Files:
    """A tree with one to three changes of what it says, or of which file says it."""
    files = dict(base)
    if random.random() < 0.1:
        return _move_files(files, random)
    for path in random.sample(sorted(files), random.choice((1, 1, 1, 2))):
        document = _copy(_read(files[path]))
        for _ in range(random.choice((1, 1, 2, 3))):
            spots = list(_spots(document))
            if not spots:
                break
            # Half of the time near the leaves, where amounts and names stand.
            leaves = [spot for spot in spots if isinstance(spot.value, str)]
            spot = random.choice(leaves if leaves and random.random() < 0.6 else spots)
            known = spots if random.random() < 0.6 else list(_spots(_read(random.choice(list(base.values())))))
            vocabulary = [text for one in known for text in _texts(one)]
            if vocabulary:
                random.choice(_CHANGES)(spot, random, vocabulary)
        text = emit(document, random).lstrip("\n")
        files[path] = text.encode("utf-8", "surrogatepass")
    return files


def _texts(spot: Spot) -> Iterator[str]:
    if isinstance(spot.value, str):
        yield spot.value
    if isinstance(spot.parent, Mapping) and isinstance(key := spot.parent.pairs[spot.index][0], str):
        yield key


def _move_files(files: Files, random: Random) -> Files:
    path, other = random.sample(sorted(files), 2)
    match random.randrange(6):
        case 0:
            files[path], files[other] = files[other], files[path]
        case 1:
            del files[path]
        case 2:
            files[f"{other.removesuffix('.yaml')}/copy.yaml"] = files[path]
        case 3:
            files[
                random.choice(("../up.yaml", "/top.yaml", "a/../../b.yaml", ".hidden.yaml", "x.YML", "p.yaml.txt"))
            ] = files[path]
        case 4:
            files[path] += files[other]
        case _:
            files[path] = random.choice((b"", b"\n", b"---\n", b"# nothing\n", b"[]", b"text", b"- 1\n", b"{}"))
    return files
