"""What a quote costs in time, against genai-prices, litellm and tokencost, in one process.

    python -m benchmarks.quote

Each prices the same call of the same model: Ratecard by a dated, tiered price with a margin, the others by their own
list. The figure is the median of several rounds; the ratio says how much longer a peer takes. A peer that is not
installed (the extra `bench`) is named as missing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.shipped import apply_shipped

MODEL = "gemini-2.5-pro"
INPUT, OUTPUT = 4_000, 500
ROUNDS = 15


def microseconds(call: Callable[[], object], seconds: float = 0.05) -> float:
    """The median time of one call, over rounds that last about `seconds` each."""
    call()
    began = time.perf_counter()
    repeats = 0
    while time.perf_counter() - began < seconds:
        call()
        repeats += 1
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(repeats):
            call()
        rounds.append((time.perf_counter() - began) / repeats)
    return statistics.median(rounds) * 1e6


def ratecard(folder: Path) -> Callable[[], object]:
    """Our quote."""
    from metering.meter import Meter

    url = f"sqlite:///{folder / 'ratecard.db'}"
    apply_shipped(folder / "repository", url)
    meter = Meter.open(url)
    price = meter.price("google", MODEL)
    assert price.tiers_from is not None
    assert price.margin_micros
    assert len(meter.book.entries["google", MODEL].prices) > 1
    return lambda: meter.quote("google", MODEL, {"input": INPUT, "output": OUTPUT}, plan="pro")


def genai_prices() -> Callable[[], object]:
    """The same call by genai-prices."""
    from genai_prices import Usage, calc_price

    return lambda: (
        calc_price(Usage(input_tokens=INPUT, output_tokens=OUTPUT), model_ref=MODEL, provider_id="google").total_price
    )


def litellm() -> Callable[[], object]:
    """The same call by litellm."""
    import os

    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm import ModelResponse, completion_cost
    from litellm.types.utils import Usage

    response = ModelResponse(model=MODEL)
    response.usage = Usage(prompt_tokens=INPUT, completion_tokens=OUTPUT, total_tokens=INPUT + OUTPUT)
    return lambda: completion_cost(completion_response=response, model=f"gemini/{MODEL}")


def tokencost() -> Callable[[], object]:
    """The same call by tokencost, which prices input and output apart."""
    from tokencost import calculate_cost_by_tokens

    model = f"gemini/{MODEL}"
    return lambda: calculate_cost_by_tokens(INPUT, model, "input") + calculate_cost_by_tokens(OUTPUT, model, "output")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        ours = microseconds(ratecard(Path(folder)))
        print(f"quote of {MODEL}, {INPUT} input and {OUTPUT} output; dated, tiered, with margin")
        print(f"  {'ratecard':<14}{ours:>12.2f} µs")
        for name, make in (("genai-prices", genai_prices), ("litellm", litellm), ("tokencost", tokencost)):
            try:
                call = make()
            except ImportError:
                print(f"  {name:<14}     missing (pip install 'ratecard[bench]')")
                continue
            theirs = microseconds(call)
            print(f"  {name:<14}{theirs:>12.2f} µs{theirs / ours:>10.1f} times ours")


if __name__ == "__main__":
    main()
