"""Run every benchmark, one after the other: `python -m benchmarks [NAME …]`, or `make bench`."""

from __future__ import annotations

import os
import subprocess
import sys

BENCHMARKS = ("quote", "record", "serving", "importing", "configuration", "impact", "dashboard")


def main() -> int:
    """Run the named benchmarks, or all; the exit code is that of the first that failed."""
    names = sys.argv[1:] or BENCHMARKS
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark '{unknown[0]}'; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 64
    # litellm fetches its price list when it is imported, unless it is told to use the one it ships.
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    for name in names:
        print(f"\n== {name} ==", flush=True)
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], env=environment).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
