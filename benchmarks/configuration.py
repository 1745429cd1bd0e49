"""What the command line costs on 2,500 models with 5,000 prices, against octoDNS planning 2,500 records.

    python -m benchmarks.configuration

Every figure is the median wall time of a whole process, in rounds that take turns, so that a noisy moment hits all.
octoDNS plans a zone of as many records, from YAML to YAML, without a change. It comes with the extra `bench`.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.trees import config_tree, write_tree

ROUNDS = 7
MODELS = 2_500
BIN = Path(sys.executable).parent

Command = tuple[str, list[str], Path]


def make_repository(folder: Path, models: int) -> Path:
    """A git repository with a config tree of `models` models and twice as many prices."""
    write_tree(folder / "config", config_tree(models))
    person = ("-c", "user.name=Price Desk", "-c", "user.email=prices@example.com")
    for words in (("init", "--quiet"), ("add", "--all"), (*person, "commit", "--quiet", "--message=Begin")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def make_zone(folder: Path, records: int) -> Path:
    """An octoDNS set-up whose target holds exactly what its source says."""
    lines = ["---"]
    for index in range(records):
        address = f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"
        lines += [f"record-{index:05}:", "  - ttl: 300", "    type: A", f"    value: {address}"]
    for side in ("source", "target"):
        (folder / side).mkdir(parents=True)
        (folder / side / "example.com.yaml").write_text("\n".join(lines) + "\n")
    provider = "    class: octodns.provider.yaml.YamlProvider\n    enforce_order: false\n    directory: ./"
    (folder / "config.yaml").write_text(
        f"providers:\n  source:\n{provider}source\n  target:\n{provider}target\n"
        "zones:\n  example.com.:\n    sources: [source]\n    targets: [target]\n"
    )
    return folder


def run(command: Command) -> tuple[float, float]:
    """Wall and CPU seconds of one process."""
    _, words, folder = command
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository = make_repository(folder / "repository", MODELS)
        ratecard = str(BIN / "ratecard")
        began = time.perf_counter()
        subprocess.run([ratecard, "apply", "--yes"], cwd=repository, check=True, capture_output=True)
        first_apply = time.perf_counter() - began
        commands: list[Command] = [
            ("ratecard --help", [ratecard, "--help"], repository),
            ("ratecard validate", [ratecard, "validate"], repository),
            ("ratecard plan, no change", [ratecard, "plan"], repository),
        ]
        octodns = BIN / "octodns-sync"
        if octodns.exists():
            zone = make_zone(folder / "zone", MODELS)
            commands.append(
                ("octoDNS plan, no change", [str(octodns), "--config-file", str(zone / "config.yaml")], zone)
            )
        else:
            print("octoDNS is missing: install the extra `bench`")
        times: dict[str, list[tuple[float, float]]] = {command[0]: [] for command in commands}
        for _ in range(ROUNDS):
            for command in commands:
                times[command[0]].append(run(command))
        medians = {
            title: tuple(statistics.median(column) for column in zip(*rounds, strict=True))
            for title, rounds in times.items()
        }
        peer = medians.get("octoDNS plan, no change")
        print(f"{MODELS:,} models with {2 * MODELS:,} prices (octoDNS: {MODELS:,} records), whole process")
        print(f"{'':28} {'wall':>9} {'CPU':>9}   of octoDNS")
        for title, (wall, cpu) in medians.items():
            share = f"{wall / peer[0]:10.2f} x" if peer else ""
            print(f"{title:28} {wall * 1000:6.0f} ms {cpu * 1000:6.0f} ms {share}")
        print(f"{'first apply (SQLite), once':28} {first_apply * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
