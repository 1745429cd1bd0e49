"""The client against the real API, and against a server that fails in every way a network has."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

import metering.client
from metering.client import Client, Event, Receipt, Refused, Rejected, Unreachable
from tests.metering.api.conftest import Api, change_plan

MODULE = Path(metering.client.__file__)
UNITS = {"input": 1_000, "output": 500}
RECEIPT = (
    b'{"event_id": "e", "status": "priced", "charge_usd": "0.0084", "cost_usd": "0.0028", "balance_usd": "1",'
    b' "price": null, "release": {"id": 1}, "duplicate": false}'
)


def test_a_day_of_a_program(api: Api) -> None:
    api.meter.wallets.grant("acct-1", "purchase", key="money", usd="1")
    change_plan(api, "free", limits={"documents": 5, "tokens_per_month": 10_000})
    with Client(api.url, api.keys["meter"]) as client:
        route = client.route("anthropic", "chat", key="user-7")
        assert route.fallbacks == (("openai", "gpt"),)
        assert client.check("haiku", provider="anthropic", units=UNITS).allowed
        assert not client.check(limit="documents", current=5).allowed
        assert client.check(limit="documents", current=3, adding=2).allowed
        quote = client.quote("haiku", UNITS, provider="anthropic")
        assert (quote.charge, quote.cost, quote.plan) == (Decimal("0.0084"), Decimal("0.0028"), "free")
        hold = client.hold("haiku", provider="anthropic", input=1_000, max_output=500)
        assert client.wallet().held == hold.amount
        receipt = client.capture(hold.hold_id, Event("e-1", units=UNITS))
        assert (receipt.charge, receipt.balance, receipt.duplicate) == (quote.charge, Decimal("0.9916"), False)
        other = client.hold("haiku", provider="anthropic", max_output=10, lifetime_seconds=60)
        assert client.release(other.hold_id).status == "released"
        event = Event(
            "e-2", model="small", units=UNITS, user="u", tool="t", cpu_seconds=Decimal("0.5"), metadata={"a": 0.5}
        )
        assert client.record(event).duplicate is False
        assert client.record(event).duplicate is True
        assert client.wallet().available_credits == Decimal(9_832)
        assert client.would_exceed({"input": 7_001})
        assert not client.would_exceed({"input": 7_000})
        assert client.quota()["requests_today"] == 2
        assert client.usage(by=["tool", "user"], period="all")["by"]["tool"][0]["requests"] == 1
        assert client.catalogue("pro")["plan"] == "pro"
        assert [one["event_id"] for one in client.history(page=1)] == ["e-2", "e-1"]
        assert [one["id"] for one in client.transactions(page=2)] == ["usage:e-2", "usage:e-1", "grant:money"]
        with pytest.raises(Refused) as caught:
            client.hold("haiku", provider="anthropic", max_output=10**9)
        assert (caught.value.status, caught.value.code) == (429, "QUOTA_EXCEEDED")


def test_the_page_of_the_docs_runs(lite: Api, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    for theirs, ours in (
        ("from client", "from metering.client"),
        ("https://billing.example.com", lite.url),
        ("claude-haiku-4-5", "haiku"),
    ):
        assert theirs in code
        code = code.replace(theirs, ours)
    names = {
        "key": lite.keys["meter"],
        "call_the_provider": lambda: SimpleNamespace(id="answer-1"),
        "events": [Event("e-1", model="small")],
    }
    exec(code, dict(names))
    lite.meter.wallets.grant("acct-1", "purchase", key="money", usd="1")
    exec(code, dict(names))
    told = capsys.readouterr().out.splitlines()
    # 3,812 x 0.80 + 440 x 4.00 per million, three times.
    assert [told[0], told[2]] == ["INSUFFICIENT_BALANCE", "0.0144288 0.9855712"]
    assert told[1].startswith("Receipt(event_id='e-1', status='priced'")


def test_many_events_go_a_thousand_in_a_request_and_a_bad_one_alone_is_rejected(lite: Api) -> None:
    events = [Event(f"e-{number}", model="small", units=UNITS) for number in range(2_500)]
    events[1_200] = Event("e-1200", model="small", units={"inputs": 1})
    with Client(lite.url, lite.keys["meter"]) as client:
        outcomes = client.record_many(iter(events))
        assert len(outcomes) == 2_500
        assert outcomes[1_200] == Rejected("e-1200", "UNKNOWN_UNIT", "'inputs' is not a unit; did you mean 'input'?")
        assert sum(isinstance(one, Receipt) and not one.duplicate for one in outcomes) == 2_499
        again = client.record_many(events)
        assert sum(isinstance(one, Receipt) and one.duplicate for one in again) == 2_499
    counted = lite.get("/metrics", key="admin").text
    assert 'ratecard_http_requests_total{method="POST",route="/v1/events/batch",status="200"} 6.0' in counted


def test_times_without_a_zone_are_utc_and_floats_are_refused(lite: Api) -> None:
    with Client(lite.url, lite.keys["meter"]) as client:
        for name, moment in (
            ("naive", datetime(2026, 6, 1, 8)),  # noqa: DTZ001 - what is tested
            ("aware", datetime(2026, 6, 1, 10, tzinfo=timezone(timedelta(hours=2)))),
            ("text", "2026-06-01T08:00:00Z"),
        ):
            client.record(Event(name, model="small", occurred_at=moment))
        assert {one["occurred_at"] for one in client.history()} == {datetime(2026, 6, 1, 8, tzinfo=UTC).isoformat()}
        with pytest.raises(TypeError, match="binary float"):
            client.record(Event("e", model="small", units={"input": 0.5}))  # type: ignore[dict-item]


def test_threads_share_a_client(lite: Api) -> None:
    with Client(lite.url, lite.keys["meter"]) as client:

        def work(name: str) -> None:
            for number in range(10):
                client.record(Event(f"{name}-{number}", model="small", units=UNITS))

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(client.history())) == 40


def test_it_works_alone_in_an_empty_folder(lite: Api, tmp_path: Path) -> None:
    """Copied, with nothing installed but Python: -I keeps the environment out, -S the packages."""
    shutil.copy(MODULE, tmp_path / "billing.py")
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "from billing import Client, Event\n"
        f"with Client({lite.url!r}, {lite.keys['meter']!r}) as client:\n"
        "    print(client.record(Event('e', model='small', units={'input': 1000})).charge)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('metering', 'schema', 'pydantic', 'httpx')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["0.0024", "[]"], done.stderr


def test_it_shows_its_key_to_nobody() -> None:
    client = Client("http://127.0.0.1:1", "rk_secret_text", attempts=1)
    assert "secret" not in repr(client)
    with pytest.raises(Unreachable) as caught:
        client.wallet()
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="no API key") as slip:
        Client("http://127.0.0.1:1", "rk_secret text\n")
    assert "secret" not in str(slip.value)


@pytest.mark.parametrize("url", ["", "billing.example.com", "ftp://a", "http://", "https://a/?b=1", "http://a/#b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https://HOST"):
        Client(url, "rk_a_b")


@dataclass
class Flaky:
    """A server that answers each request as its script says, and keeps what it was sent."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0


@contextmanager
def flaky(*script: bytes | None) -> Iterator[Flaky]:
    """Each entry answers one request; None hangs up without a word. The last answer of a kind goes on for ever."""
    seen = Flaky()
    answers = iter(script)

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            seen.connections += 1
            with connection, connection.makefile("rb") as stream:
                while (request := _request(stream.readline)) is not None:
                    body = stream.read(request)
                    seen.bodies.append(body)
                    answer = next(answers, None)
                    if answer is None:
                        break
                    connection.sendall(answer)
                    if b"close" in answer:
                        break

    with socket.create_server(("127.0.0.1", 0)) as listening:
        seen.port = listening.getsockname()[1]
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield seen
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            thread.join(timeout=10)


def _request(line: Callable[[], bytes]) -> int | None:
    """The length of the body of the next request; None when there is none."""
    if not line():
        return None
    length = 0
    while (header := line().strip().lower()) != b"":
        if header.startswith(b"content-length:"):
            length = int(header.partition(b":")[2])
    return length


def _answer(status: int, body: bytes = RECEIPT, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _error(status: int, code: str, *headers: str) -> bytes:
    return _answer(status, b'{"error": {"code": "%s", "message": "m"}}' % code.encode(), *headers)


@pytest.mark.parametrize(
    "fault",
    [
        None,
        _error(503, "METERING_UNAVAILABLE"),
        _error(429, "RATE_LIMITED", "Retry-After: 2"),
        _error(500, "INTERNAL"),
        _answer(502, b"<html>bad gateway</html>"),
        _answer(200, b"<html>hello</html>", "Connection: close")[:-5],
        b"HTTP/1.1 200 X\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{",
        b"not http at all close\r\n\r\n",
    ],
    ids=["hung up", "away", "too often", "fault", "proxy", "cut off", "cut short", "nonsense"],
)
def test_what_fails_on_the_way_is_sent_again_with_the_same_id(fault: bytes | None) -> None:
    waits: list[float] = []
    with flaky(fault, fault, _answer(200)) as server:
        with Client(f"http://127.0.0.1:{server.port}", "rk_a_b", sleep=waits.append) as client:
            assert client.record(Event("e", model="small")).charge == Decimal("0.0084")
        assert server.bodies == [b'{"event_id":"e","model":"small"}'] * 3
    assert len(waits) == 2
    assert all(wait >= 2 for wait in waits) if fault and b"Retry-After" in fault else max(waits) <= 0.2


def test_a_hold_that_is_tried_again_is_the_same_hold() -> None:
    answer = (
        b'{"hold_id": "h", "status": "open", "amount_usd": "1", "provider": "p", "model": "m", "expires_at": "later"}'
    )
    with flaky(None, _answer(200, answer)) as server:
        with Client(f"http://127.0.0.1:{server.port}", "rk_a_b", sleep=lambda _: None) as client:
            client.hold("m", max_output=5)
        first, second = server.bodies
    assert first == second
    assert b'"hold_id":"' in first


@pytest.mark.parametrize(
    ("status", "code"),
    [(402, "INSUFFICIENT_BALANCE"), (503, "UNREGISTERED_MODEL"), (429, "QUOTA_EXCEEDED"), (401, "UNAUTHENTICATED")],
)
def test_a_refusal_is_not_tried_again(status: int, code: str) -> None:
    with flaky(_error(status, code)) as server:
        with Client(f"http://127.0.0.1:{server.port}", "rk_a_b") as client, pytest.raises(Refused) as caught:
            client.record(Event("e", model="small"))
        assert (caught.value.status, caught.value.code, caught.value.message) == (status, code, "m")
        assert len(server.bodies) == 1


def test_it_gives_up_after_its_attempts() -> None:
    waits: list[float] = []
    with flaky() as server:
        with (
            Client(f"http://127.0.0.1:{server.port}", "rk_a_b", attempts=3, sleep=waits.append) as client,
            pytest.raises(Unreachable),
        ):
            client.record(Event("e", model="small"))
        assert len(server.bodies) == 3
    assert len(waits) == 2
    with (
        flaky(*[_error(503, "METERING_UNAVAILABLE")] * 2) as server,
        Client(f"http://127.0.0.1:{server.port}", "rk_a_b", attempts=2, sleep=waits.append) as client,
        pytest.raises(Refused, match="METERING_UNAVAILABLE"),
    ):
        client.record(Event("e", model="small"))


def test_a_server_that_does_not_answer_costs_no_more_than_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(url, "rk_a_b", timeout=0.05, attempts=2, sleep=lambda _: None) as client,
            pytest.raises(Unreachable),
        ):
            client.wallet()


def test_one_connection_serves_many_requests_and_a_stale_one_costs_no_attempt() -> None:
    with flaky(_answer(200), _answer(200), _answer(200, RECEIPT), None, _answer(200)) as server:
        with Client(f"http://127.0.0.1:{server.port}", "rk_a_b", attempts=1) as client:
            for number in range(4):
                client.record(Event(f"e-{number}", model="small"))
        assert server.connections == 2
        # The fourth met a connection that was hung up, and went again by a new one.
        assert [body[13:16] for body in server.bodies] == [b"e-0", b"e-1", b"e-2", b"e-3", b"e-3"]
