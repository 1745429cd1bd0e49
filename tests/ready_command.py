"""`ratecard` from a process that has its imports done: each run is a process, without the second of starting.

The real command is started where its start is what matters: in the stories, the demo and the hook for git.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

COMMAND = str(Path(sys.executable).parent / "ratecard")
EVERYTHING = """
import importlib, pkgutil
import alembic.command, git, psycopg, sqlalchemy.dialects.postgresql, sqlalchemy.dialects.sqlite
import metering, schema.documents, sync.command, sync.feeds.snapshot

for package in (schema, metering, sync):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.startswith(("schema.migrations", "metering.api")):
            importlib.import_module(found.name)
for document in schema.documents.DOCUMENTS.values():
    document.model_rebuild()
sync.feeds.snapshot.find_list_rates("openai", "gpt-4o")
"""
"""What commands import when they run, and build when they first read: done before a fork, it is done once."""
SERVER = (
    EVERYTHING
    + """
import atexit, gc, json, os, select, signal, socket, sys, threading

listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen(16)
gc.freeze()
print("ready", flush=True)

def interpreter(environment):
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}

def serve():
    while True:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if sys.stdin in select.select([sys.stdin, listening], [], [])[0]:
            os._exit(0)
        asked, _ = listening.accept()
        if os.fork() == 0:
            break
        asked.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, streams, _, _ = socket.recv_fds(asked, 1 << 20, 3)
    run = json.loads(told)
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        asked.sendall(str(code).encode())
        os._exit(0)
    asked.close()
    listening.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # The ones of the beginning know whether their files could seek.
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        old = getattr(sys, name)
        setattr(sys, name, open(number, mode, encoding=old.encoding, errors=old.errors, buffering=1))
    os.chdir(run["cwd"])
    if interpreter(run["env"]) != interpreter(os.environ):
        os.execve(run["words"][0], run["words"], run["env"])
    os.environ.clear()
    os.environ.update(run["env"])
    sys.argv = run["words"]

serve()
code = sync.command.main()
threading._shutdown()
atexit._run_exitfuncs()
sys.stdout.flush()
sys.stderr.flush()
# Taking its modules apart would copy every page that it shares.
os._exit(code)
"""
)

CLIENT = """\
#!{python} -SEs
import json, os, socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect({address!r})
run = {{"words": [{command!r}, *sys.argv[1:]], "cwd": os.getcwd(), "env": dict(os.environ)}}
socket.send_fds(asked, [json.dumps(run).encode()], [0, 1, 2])
sys.exit(int(asked.recv(16)))
"""


class ReadyCommand:
    """Runs `ratecard` by asking a process to fork; for scripts `program` does so, which has its name in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._address = str(folder / "run")
        self.folder = folder / "bin"
        self.folder.mkdir()
        self.program = self.folder / "ratecard"
        self.program.write_text(CLIENT.format(python=sys.executable, address=self._address, command=COMMAND))
        self.program.chmod(0o755)

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: str
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` would, with texts."""
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            socket.socket(socket.AF_UNIX) as asked,
        ):
            given.write(stdin.encode())
            given.seek(0)
            asked.settimeout(120)
            asked.connect(self._address)
            run = {"words": [COMMAND, *words], "cwd": str(cwd), "env": dict(env)}
            socket.send_fds(asked, [json.dumps(run).encode()], [given.fileno(), out.fileno(), err.fileno()])
            code = int(asked.recv(16))
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode().replace("\r\n", "\n").replace("\r", "\n"))
        return subprocess.CompletedProcess([COMMAND, *words], code, *texts)


@contextmanager
def ready_command() -> Iterator[ReadyCommand]:
    """A process that waits for runs until the block ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "RATECARD_"))}
    with tempfile.TemporaryDirectory(prefix="ratecard-") as folder:
        command = [sys.executable, "-P", "-c", SERVER, f"{folder}/run"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        # In a session of its own it does not hear Ctrl-C; it ends when nobody is left to ask.
        with subprocess.Popen(command, env=kept, start_new_session=True, **pipes) as process:
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield ReadyCommand(Path(folder))
            process.stdin.close()
