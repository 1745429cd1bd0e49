from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from sync.errors import RefusedError
from sync.serving import address_text, check_address, check_port, signs_in

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_other_machines_only_with_sign_in() -> None:
    for address in ("127.0.0.1", "localhost", "::1"):
        check_address(address, signs_in=False)
    check_address("0.0.0.0", signs_in=True)
    with pytest.raises(RefusedError, match=r"would answer other machines on 0\.0\.0\.0 without sign-in"):
        check_address("0.0.0.0", signs_in=False)


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ('[auth]\nclient_id = "x"\n', True),
        ("[other]\n", False),
        ("[auth]\n", False),
        ("not toml", False),
        (None, False),
    ],
)
def test_sign_in_is_an_auth_table_in_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secrets: str | None, expected: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if secrets is not None:
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
    assert signs_in(tmp_path) is expected


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RefusedError, match=f"port {port} of 127.0.0.1 cannot be used; name another with --port"):
            check_port(port, "127.0.0.1")
    check_port(port, "127.0.0.1")
    with pytest.raises(RefusedError, match="port 70000"):
        check_port(70_000, "127.0.0.1")


def test_the_address_for_a_browser() -> None:
    assert address_text(8501, "127.0.0.1") == "http://127.0.0.1:8501"
    assert address_text(8501, "::1") == "http://[::1]:8501"


def test_the_command_refuses_other_machines(run_ratecard: Run, migrated_url: str, tmp_path: Path) -> None:
    done = run_ratecard("dashboard", "--address", "0.0.0.0", "--database", migrated_url, env={"HOME": str(tmp_path)})
    assert done.returncode == 1
    assert "without sign-in; add [auth]" in done.stderr


def test_the_command_needs_a_database(run_ratecard: Run, tmp_path: Path) -> None:
    done = run_ratecard("dashboard", "--database", f"sqlite:///{tmp_path / 'missing.db'}")
    assert done.returncode == 1
    assert done.stderr.endswith("missing.db is missing; run `ratecard apply` first\n")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_ended(
    make_repository: Callable[..., Path], small_config: dict[str, str], run_ratecard: Run, ending: signal.Signals
) -> None:
    top = make_repository(small_config)
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0
    (top / "pandas.py").write_text("raise SystemExit('a file of the repository was taken for a module')")
    port = free_port()
    command = [str(Path(sys.executable).parent / "ratecard"), "dashboard", "--port", str(port)]
    child = subprocess.Popen(command, cwd=top, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert wait_until_healthy(port) == "ok"
        child.send_signal(ending)
        said, _ = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()
    assert said.splitlines()[0] == f"dashboard: http://127.0.0.1:{port}"
    assert child.returncode == 0
    check_port(port, "127.0.0.1")


def wait_until_healthy(port: int) -> str:
    until = time.monotonic() + 60
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/_stcore/health") as answer:
                return str(answer.read().decode())
        except (URLError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
