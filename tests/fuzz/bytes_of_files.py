"""Mutations of the bytes of files: what editors, merges, encodings and broken disks do."""

from __future__ import annotations

from random import Random

from tests.fuzz.trees import Files

_PIECES = (
    *(
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b" ",
        b"  ",
        b":",
        b": ",
        b"- ",
        b"#",
        b" #",
        b"'",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(
        b",",
        b"&a ",
        b"*a",
        b"!",
        b"!!str ",
        b"|",
        b">",
        b"%",
        b"@",
        b"`",
        b"?",
        b"? ",
        b"<<: ",
        b"~",
        b"\\",
        b"\x1b[2J",
    ),
    *(
        b"---\n",
        b"...\n",
        b"%YAML 1.2\n---\n",
        b"%TAG ! x\n",
        b"\xff",
        b"\xfe",
        b"\xef\xbb\xbf",
        b"\xc3\x28",
        b"\xed\xa0\x80",
    ),
    *("\u0085", "\u2028", "\u202e", "\u200b", "\u0663", "\u00a0", "\ufeff", "\U0001f600"),
    *(b"0", b"1", b"9", b".", b"-", b"_", b"e", b"00", b"<<<<<<< ours\n", b"=======\n"),
)


def mutate_bytes(base: Files, random: Random) -> Files:
    """A tree with one file that has one to four changes of its bytes."""
    files = dict(base)
    path = random.choice(sorted(files))
    data = bytearray(files[path])
    if random.random() < 0.12:
        files[path] = _recode(bytes(data), random)
        return files
    for _ in range(random.choice((1, 1, 2, 4))):
        _change(data, random)
    files[path] = bytes(data)
    return files


def _change(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + random.choice((1, 1, 2, 5, 40)))
    match random.randrange(8):
        case 0 if at < len(data):
            data[at] ^= 1 << random.randrange(8)
        case 1 if at < len(data):
            data[at] = random.randrange(256)
        case 2:
            del data[at:end]
        case 3:
            data[at:at] = data[at:end]
        case 4 if random.random() < 0.3:
            del data[at:]
        case 5:
            _swap_lines(data, random)
        case 6:
            # A digit is where a wrong amount comes from.
            digits = [index for index, byte in enumerate(data) if chr(byte).isdigit()]
            if digits:
                data[random.choice(digits)] = random.choice(b"0123456789.-_e,")
        case _:
            piece = random.choice(_PIECES)
            data[at:at] = piece.encode() if isinstance(piece, str) else piece


def _swap_lines(data: bytearray, random: Random) -> None:
    lines = bytes(data).split(b"\n")
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(4):
        case 0:
            lines[first], lines[second] = lines[second], lines[first]
        case 1:
            lines.insert(second, lines[first])
        case 2:
            lines[first] = b" " * random.randrange(5) + lines[first].lstrip(b" ")
        case _:
            lines[first : first + 2] = [b"".join(lines[first : first + 2])]
    data[:] = b"\n".join(lines)


def _recode(data: bytes, random: Random) -> bytes:
    text = data.decode()
    match random.randrange(9):
        case 0:
            return data.replace(b"\n", b"\r\n")
        case 1:
            return data.replace(b"\n", b"\r")
        case 2:
            return b"\xef\xbb\xbf" + data
        case 3:
            return text.encode("utf-16")
        case 4:
            return text.encode("utf-16-be")
        case 5:
            return f"{text}# caf\u00e9\n".encode("latin-1", "replace")
        case 6:
            return data.replace(b"  ", b"\t")
        case 7:
            return data + b"\0" * 3
        case _:
            return data + data
