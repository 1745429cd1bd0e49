"""The files of a spool, without a database: durable, exclusive, bounded, and readable after anything."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from metering.book.entities import Release
from metering.errors import EventConflictError, MeteringError, SpoolError, UnavailableError
from metering.receipts import Receipt
from metering.spool import Drained, Draining, Spool, SpoolState, Waiting, look, read_refused
from metering.spool.folder import EVENTS, REJECTS
from metering.spool.segment import decode, encode
from metering.usage import Usage, read_usage
from tests.metering.rate_card import COMMIT, NOW

HERE, THERE = "postgresql://here:5432/books", "postgresql://there:5432/books"
LIMIT = 1_000_000


def waiting(name: str) -> Waiting:
    usage = Usage(
        event_id=name,
        account="acct-1",
        model="small",
        units={"input": Decimal("1E+3"), "audio_minute": "0.25"},
        user="Zoë \N{WOMAN}\u202e",
        cpu_seconds="1.5",
        metadata={10: "one\ntwo", 2: 0.1},
    )
    return Waiting(read_usage(usage, now=NOW), NOW + timedelta(seconds=1), "hold", False)


class Books:
    """What a database would do: it knows each event once."""

    def __init__(self) -> None:
        self.known: dict[str, Waiting] = {}
        self.away = False

    def ask(self) -> None:
        if self.away:
            raise UnavailableError("away")

    def record(self, calls: Sequence[Waiting]) -> list[Receipt | MeteringError]:
        return [self._one(call) for call in calls]

    def _one(self, call: Waiting) -> Receipt | MeteringError:
        name = call.event.event_id
        self.ask()
        if name.startswith("bad"):
            return EventConflictError(f"event {name} is known with other contents")
        if name.startswith("fault"):
            raise ZeroDivisionError(name)
        known = self.known.setdefault(name, call) is not call
        return Receipt(name, "priced", 0, 0, 0, Release(1, COMMIT, None, NOW), None, known)


@pytest.fixture
def books() -> Books:
    return Books()


def draining(folder: Path, books: Books, database: str = HERE, limit: int = LIMIT) -> Draining:
    return Draining(Spool(folder, database, limit), books.record, books.ask, adopt=False)


def kept(folder: Path, *names: str, database: str = HERE) -> Path:
    """A file that a process left."""
    spool = Spool(folder, database, LIMIT)
    before = spool.files(EVENTS)
    spool.append([waiting(name) for name in names])
    spool.leave()
    (found,) = set(spool.files(EVENTS)) - set(before)
    return found


def drain(folder: Path, books: Books, **options: object) -> Drained:
    return draining(folder, books).drain(**options)  # type: ignore[arg-type]


def state(folder: Path, database: str = HERE) -> SpoolState:
    return look(folder, database, LIMIT)


def test_a_call_comes_back_exactly_as_it_was() -> None:
    call = waiting("1")
    assert decode(encode(HERE, call)).calls == [call]
    bare = replace(call, hold=None, timed=True, event=replace(call.event, details=None, user=None, units={}))
    assert decode(encode(HERE, bare)).calls == [bare]


def test_what_was_left_is_taken_over_once(tmp_path: Path, books: Books) -> None:
    kept(tmp_path, "1", "2")
    kept(tmp_path, "2", "3")
    done = drain(tmp_path, books)
    assert (done.recorded, done.repeated, done.left, done.fault) == (3, 1, 0, None)
    assert list(tmp_path.iterdir()) == []
    assert drain(tmp_path, books) == Drained()


def test_what_a_process_writes_is_its_own(tmp_path: Path, books: Books) -> None:
    writer = Spool(tmp_path, HERE, LIMIT)
    writer.append([waiting("1")])
    assert drain(tmp_path, books) == Drained()
    assert state(tmp_path).waiting == 1
    writer.leave()
    assert drain(tmp_path, books).recorded == 1


def test_a_line_that_was_not_written_to_its_end_is_told_of_and_kept_aside(
    tmp_path: Path, books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    whole = kept(tmp_path, "1", "2", "3").read_bytes()
    (path,) = tmp_path.iterdir()
    lines = whole.splitlines(keepends=True)
    for torn, recorded in (
        (whole[:-1], {"1", "2", "3"}),
        (whole[:-20], {"1", "2"}),
        (whole + b"\x00" * 4_096, {"1", "2", "3"}),
        (lines[0] + lines[1].replace(b"acct-1", b"acct-2") + lines[2], {"1", "3"}),
        (b"\xff\n" + b"[" * 5_000 + b"\n" + lines[0], {"1"}),
        (b"", set()),
    ):
        path.write_bytes(torn)
        path.chmod(0o600)
        books.known.clear()
        caplog.clear()
        assert drain(tmp_path, books).fault is None
        assert set(books.known) == recorded
        found = list(read_refused(tmp_path, HERE, []))
        aside = [one.line for one in found]
        assert {one.code for one in found} <= {"DAMAGED"}
        assert all(line in torn for line in aside)
        assert bool(found) == ("DAMAGED" in caplog.text)
        assert state(tmp_path).rejects == len(found)
        # Tried again, it is what it was.
        drain(tmp_path, books, again=True)
        assert [one.line for one in read_refused(tmp_path, HERE, [])] == aside
        path.with_suffix(REJECTS).unlink(missing_ok=True)


def test_a_file_of_another_version_is_left_alone(tmp_path: Path, books: Books) -> None:
    path = kept(tmp_path, "1")
    from metering.spool import segment

    body = path.read_bytes().partition(b" ")[2].rstrip(b"\n").replace(b'"format_version":1', b'"format_version":2')
    path.write_bytes(b"%08x %s\n" % (segment.crc32(body), body))
    done = drain(tmp_path, books)
    assert (done.recorded, done.left) == (0, 1)
    assert state(tmp_path).waiting == 1


def test_a_folder_may_be_shared_by_databases(tmp_path: Path, books: Books) -> None:
    kept(tmp_path, "here")
    kept(tmp_path, "there", "bad", database=THERE)
    found = state(tmp_path)
    assert (found.waiting, dict(found.elsewhere)) == (1, {THERE: 2})
    assert drain(tmp_path, books).recorded == 1
    assert set(books.known) == {"here"}
    # One that has moved is named: nothing is billed where it was not meant to be.
    assert drain(tmp_path, books, moved_from=[THERE]).recorded == 1
    found = state(tmp_path)
    assert (found.waiting, dict(found.elsewhere), dict(found.refused)) == (0, {}, {"EVENT_CONFLICT": 1})


def test_a_fault_of_ours_holds_up_nothing_else(tmp_path: Path, books: Books, caplog: pytest.LogCaptureFixture) -> None:
    kept(tmp_path, "1", "fault", "bad", "2")
    done = drain(tmp_path, books)
    assert (set(books.known), done.left, done.refused) == ({"1", "2"}, 1, [])
    assert "event 'fault' of account 'acct-1' waits and cannot be recorded" in caplog.text
    assert state(tmp_path).waiting == 4


def test_an_outage_in_the_middle_leaves_the_file(tmp_path: Path, books: Books) -> None:
    path = kept(tmp_path, "1")
    before = path.read_bytes()
    books.away = True
    assert drain(tmp_path, books).fault == "away"
    assert path.read_bytes() == before
    books.away = False
    assert drain(tmp_path, books).recorded == 1


def test_threads_share_what_the_disk_is_asked_for(
    tmp_path: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told before their own line is on the disk, and one call of the disk serves all who wait for it."""
    synced = 0
    fsync = os.fsync

    def count(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    keeper = draining(tmp_path, books, limit=10 * LIMIT)
    books.away = True
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: keeper.keep([waiting(str(number))], None), range(400)))
    # Once more for the folder, which has a new name in it.
    assert 2 <= synced <= 401
    assert keeper.state().waiting == 400
    books.away = False
    keeper.drain()
    keeper.close()
    assert len(books.known) == 400


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_as_if_there_were_no_spool(tmp_path: Path, books: Books) -> None:
    keeper = draining(tmp_path, books)
    books.away = True
    keeper.keep([waiting("1")], UnavailableError("the database is away"))
    full = r"^gone; nor can calls be kept .* written: the disk is full$"
    with largest_file(keeper.state().bytes + 100), pytest.raises(UnavailableError, match=full):
        keeper.keep([waiting("2"), waiting("3")], UnavailableError("gone"))
    # Nothing is left of what was refused, and when there is room again it goes on.
    assert keeper.state().waiting == 1
    keeper.keep([waiting("4")], None)
    books.away = False
    keeper.drain()
    keeper.close()
    assert set(books.known) == {"1", "4"}
    assert list(read_refused(tmp_path, HERE, [])) == []


def test_a_disk_that_loses_what_it_took_is_not_believed_again(
    tmp_path: Path, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = draining(tmp_path, books)
    books.away = True
    keeper.keep([waiting("0")], None)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: os.close(-1))
        with pytest.raises(UnavailableError, match="cannot be written"):
            keeper.keep([waiting("1")], None)
    keeper.keep([waiting("2")], None)
    assert len(keeper.spool.files(EVENTS)) == 2
    books.away = False
    keeper.drain()
    keeper.close()
    # Who was told that it failed sends it again, and it is known: that it was kept after all is no harm.
    assert set(books.known) == {"0", "1", "2"}


def test_a_folder_holds_no_more_than_it_may(tmp_path: Path, books: Books) -> None:
    size = len(encode(HERE, waiting("1")))
    keeper = draining(tmp_path, books, limit=2 * size)
    books.away = True
    keeper.keep([waiting("1")], None)
    keeper.keep([waiting("2")], None)
    assert keeper.away
    with pytest.raises(UnavailableError, match="holds the 0 MB that it may"):
        keeper.keep([waiting("3")], None)
    # Whoever comes next asks the database again.
    assert not keeper.away
    keeper.close()
    assert state(tmp_path).waiting == 2


def test_a_file_that_somebody_removed_is_not_written_to(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", HERE, LIMIT)
    spool.append([waiting("1")])
    for path in spool.files(EVENTS):
        path.unlink()
    spool.path.rmdir()
    spool.append([waiting("2")])
    (path,) = spool.files(EVENTS)
    assert [call.event.event_id for call in decode(path.read_bytes()).calls] == ["2"]
    spool.leave()


def test_a_folder_that_cannot_be_used_is_told_of(tmp_path: Path, books: Books) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "spool"):
        with pytest.raises(SpoolError, match="cannot be used"):
            Spool(folder, HERE, LIMIT).prepare()
    path = kept(tmp_path / "spool", "bad")
    drain(tmp_path / "spool", books)
    path.with_suffix(REJECTS).chmod(0o602)
    assert state(tmp_path / "spool").faults == [f"others may write {path.with_suffix(REJECTS)}; `chmod go-w` it"]
    assert state(tmp_path / "none") == SpoolState(str(tmp_path / "none"), limit=LIMIT, faults=[])
