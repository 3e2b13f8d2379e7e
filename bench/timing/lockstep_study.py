"""Does measuring in lock-step pay? ``python -m bench.timing.lockstep_study`` shows it on this machine.

Measures the default grid's centre in fresh processes, by turns in lock-step and by plain
pytest-benchmark, one layer after the other, in the same total time; prints how much the
separable/dense ratio varies between the processes. --disturb adds what a shared machine has: a
neighbour that copies memory on one core for a few seconds, rests for a few, and so on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.contract.cases import DIRECTIONS

METHODS = {"lock-step": [], "in turn": ["--in-turn"]}
_NEIGHBOUR = """
import random, time
block = bytearray(64 * 2**20)
while True:
    end = time.monotonic() + random.uniform(1, 4)
    while time.monotonic() < end:
        bytes(block)
    time.sleep(random.uniform(1, 4))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.timing.lockstep_study", description=__doc__)
    parser.add_argument("--processes", type=int, default=8, help="fresh processes a method (default: 8)")
    parser.add_argument("--seconds", default="1.0", help="measuring time a layer (default: 1.0)")
    parser.add_argument("--disturb", action="store_true", help="with a noisy neighbour")
    arguments = parser.parse_args()
    if arguments.processes < 2:
        parser.error("--processes must be at least 2: one process has no variation")

    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, neighbour(arguments.disturb):
        for number in range(arguments.processes):
            for method in METHODS if number % 2 == 0 else reversed(METHODS):
                for direction, ratio in measure(method, arguments.seconds, Path(folder)).items():
                    ratios[direction, method].append(ratio)
                print(f"process {number + 1} of {arguments.processes}, {method}: done", file=sys.stderr)
    print("With a noisy neighbour." if arguments.disturb else "With the machine as it is.")
    print(table(ratios, arguments.processes, arguments.seconds))


@contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", _NEIGHBOUR]) if wanted else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


def measure(method: str, seconds: str, folder: Path) -> dict[str, float]:
    """The separable/dense ratio of the centre for each direction, from one fresh process."""
    shapes, output = folder / "centre.csv", folder / "result.json"
    shapes.write_text("name\ncentre\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "bench/bench_layers.py", "--shapes", str(shapes)]
    command += ["--devices", "CPU:0", f"--benchmark-max-time={seconds}", "--benchmark-json", str(output)]
    done = subprocess.run([*command, *METHODS[method]], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"measuring {method} failed:\n{done.stdout}{done.stderr}")
    rows = json.loads(output.read_text(encoding="utf-8"))["benchmarks"]

    found = {}
    by_case = {(row["params"]["layer"], row["params"]["direction"]): row for row in rows}
    for (layer, direction), row in by_case.items():
        if layer != "separable_conv2d":
            continue
        paired = row["extra_info"]["paired"]
        dense = by_case["conv2d", direction]
        found[direction] = paired["ratio"] if paired else row["stats"]["median"] / dense["stats"]["median"]
    return found


def table(ratios: dict[tuple[str, str], list[float]], processes: int, seconds: str) -> str:
    lines = [
        f"Separable/dense time ratio of the grid's centre in {processes} fresh processes a method, "
        f"{seconds} s a layer in each.",
        "Variation is the coefficient of variation between processes.",
        "",
        f"{'direction':<10} {'method':<10} {'mean':>6} {'min':>6} {'max':>6} {'variation':>10}",
    ]
    for direction in DIRECTIONS:
        variation = {}
        for method in METHODS:
            values = ratios[direction, method]
            variation[method] = statistics.stdev(values) / statistics.fmean(values)
            lines.append(
                f"{direction:<10} {method:<10} {statistics.fmean(values):6.3f} {min(values):6.3f} "
                f"{max(values):6.3f} {variation[method]:10.1%}"
            )
        share = variation["lock-step"] / variation["in turn"]
        lines.append(f"{'':<10} lock-step varies {share:.2f} times as much as in turn")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
