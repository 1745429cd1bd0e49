"""Valid config trees of any size, the same ones every time.

python benchmarks/trees.py FOLDER [--models 2500] [--prices-per-model 2]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

MODELS_PER_FILE = 100
_YEARS = (2020, 2021, 2022, 2023, 2024, 2025)


def config_tree(models: int = 2_500, prices_per_model: int = 2) -> dict[str, str]:
    """Documents by path inside the config folder: providers of 100 models each, dated prices, routes and plans."""
    files = {"tasks.yaml": _TASKS, "plans.yaml": _PLANS, "settings.yaml": "default_plan: free\n"}
    for number, first in enumerate(range(0, models, MODELS_PER_FILE)):
        provider = f"provider-{number:03}"
        indexes = range(first, min(first + MODELS_PER_FILE, models))
        files[f"registry/{provider}.yaml"] = "".join(_registry(provider, indexes))
        files[f"pricing/{provider}.yaml"] = "".join(_pricing(provider, indexes, prices_per_model))
        files[f"routing/{provider}.yaml"] = _routing(provider, indexes)
    return files


def _registry(provider: str, indexes: range) -> Iterator[str]:
    yield f"provider: {provider}\ndisplay_name: Provider {provider[-3:]}\nmodels:\n"
    for index in indexes:
        yield f"  model-{index:05}:\n    display_name: Model {index}\n    type: llm\n    access: basic\n"
        yield f"    aliases: [alias-{index:05}]\n    context_window: {128_000 + index}\n"


def _pricing(provider: str, indexes: range, prices: int) -> Iterator[str]:
    yield f"provider: {provider}\ndefaults:\n  margin: 1.3\nprices:\n"
    for index in indexes:
        yield f"  model-{index:05}:\n"
        for step in range(prices):
            date = f"{_YEARS[step % len(_YEARS)]}-{step // len(_YEARS) % 12 + 1:02}-01"
            cents = 100 + index % 400 - step % 20
            yield f"    - effective: {date}\n      per_million:\n        input: {cents // 100}.{cents % 100:02}\n"
            yield f"        output: {4 * cents // 100}.{4 * cents % 100:02}\n        cache_read: 0.{cents:04}\n"
            if index % 3 == 0:
                yield f"      margin: {1 + index % 7}.{step % 10}\n"


def _routing(provider: str, indexes: range) -> str:
    first, last = f"model-{indexes[0]:05}", f"model-{indexes[-1]:05}"
    return f"provider: {provider}\nroutes:\n  _default: {first}\n  extraction: {last}\n"


_TASKS = "tasks:\n  extraction:\n    description: Takes fields out of documents\n"
_PLANS = "plans:\n  free:\n    name: Free\n    price:\n      monthly: 0\n    access: basic\n"


def write_tree(folder: Path, files: dict[str, str]) -> None:
    """Write documents under a folder."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def main() -> None:
    """Write a tree where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=int, default=2_500)
    parser.add_argument("--prices-per-model", type=int, default=2)
    arguments = parser.parse_args()
    files = config_tree(arguments.models, arguments.prices_per_model)
    write_tree(arguments.folder, files)
    print(f"{len(files)} files in {arguments.folder}")


if __name__ == "__main__":
    main()
