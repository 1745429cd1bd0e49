from __future__ import annotations

import stat

import pytest

from sync.errors import RefusedError, SyncError
from sync.feeds.work_tree import replace_files

BEFORE = {"a.yaml": b"a: 1\n", "pricing/b.yaml": b"b: 1\n"}
AFTER = {"a.yaml": b"a: 2\n", "pricing/b.yaml": b"b: 2\n"}


@pytest.fixture
def folder(tmp_path):
    for path, data in BEFORE.items():
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    return tmp_path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_replaced_and_keeps_its_mode(folder):
    (folder / "a.yaml").chmod(0o640)
    replace_files(folder, BEFORE, AFTER)
    assert contents(folder) == AFTER
    assert stat.S_IMODE((folder / "a.yaml").stat().st_mode) == 0o640


def test_a_file_that_changed_meanwhile_stops_all(folder):
    (folder / "pricing/b.yaml").write_bytes(b"b: 3\n")
    with pytest.raises(RefusedError, match=r"b\.yaml was changed while this ran; run it again"):
        replace_files(folder, BEFORE, AFTER)
    assert contents(folder) == {**BEFORE, "pricing/b.yaml": b"b: 3\n"}


def test_a_file_that_went_stops_all(folder):
    (folder / "pricing/b.yaml").unlink()
    with pytest.raises(SyncError, match=r"b\.yaml cannot be written: No such file"):
        replace_files(folder, BEFORE, AFTER)
    assert contents(folder) == {"a.yaml": BEFORE["a.yaml"]}


def test_a_failure_on_the_way_puts_back_what_was_done(folder, monkeypatch):
    replace, calls = type(folder).replace, []

    def full(path, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", str(target))
        return replace(path, target)

    monkeypatch.setattr(type(folder), "replace", full)
    with pytest.raises(SyncError, match="No space left on device; nothing was changed"):
        replace_files(folder, BEFORE, AFTER)
    assert contents(folder) == BEFORE
    assert [path.name for path in (folder / "pricing").iterdir()] == ["b.yaml"]
