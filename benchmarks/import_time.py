"""Seconds that `import pejax` takes beyond jax, equinox and optax, in fresh interpreters."""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from _harness import RESULTS, write

LIMIT = 0.5
SCRIPT = """
import json, sys, time
def load(*names):
    start = time.perf_counter()
    for name in names:
        __import__(name)
    return time.perf_counter() - start
base = load("jax", "equinox", "optax")
known = set(sys.modules)
pejax = load("pejax")
light = sorted(set(sys.modules) - known)
names = ("engine", "calibrate", "impute", "gates", "io", "datasets")
rooms = load(*(f"pejax.{name}" for name in names))
print(json.dumps({"base": base, "pejax": pejax, "rooms": rooms, "modules": light}))
"""


def one_run() -> dict:
    """A fresh interpreter's seconds: the base, pejax after it, its rooms after that."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9, help="fresh interpreters")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    args = parser.parse_args()
    one_run()  # fills the disk's cache and writes the byte code
    runs = [one_run() for _ in range(args.repeats)]
    seconds = {part: [run[part] for run in runs] for part in ("base", "pejax", "rooms")}
    medians = {part: statistics.median(times) for part, times in seconds.items()}
    payload = {
        "limit_seconds": LIMIT,
        "median_seconds": medians,
        "seconds": seconds,
        "modules": " ".join(runs[-1]["modules"]),
    }
    path = write("import_time", payload, folder=args.out)
    print(
        f"jax, equinox, optax {medians['base']:.2f} s; import pejax {medians['pejax']:.3f} s more;"
    )
    print(f"every room {medians['rooms']:.3f} s more; {path}")


if __name__ == "__main__":
    main()
