"""Does measuring in lock-step pay? ``python -m bench.timing.lockstep_study`` shows it on this machine.

Measures the default grid's centre in fresh processes: in one in lock-step, in the next by plain
pytest-benchmark, one layer after the other, and so on. Both take the same time in total. Prints how much
the separable/dense ratio varies between the processes.

--disturb adds what a shared machine has: a neighbour that copies memory on one core for a few seconds,
rests for a few, and so on.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bench.contract.cases import DIRECTIONS

#: pytest's options by the name of the method.
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


@click.command(help=__doc__)
@click.option(
    "--processes",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="fresh processes a method; a single one would have no variation",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="measuring time a layer",
)
@click.option("--disturb", is_flag=True, help="with a noisy neighbour")
def main(processes: int, seconds: float, disturb: bool) -> None:
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, run_neighbour(disturb):
        for number in range(processes):
            for method in METHODS if number % 2 == 0 else reversed(METHODS):
                for direction, ratio in measure_ratios(method, seconds, Path(folder)).items():
                    ratios[direction, method].append(ratio)
                click.echo(f"process {number + 1} of {processes}, {method}: done", err=True)
    click.echo("With a noisy neighbour." if disturb else "With the machine as it is.")
    click.echo(format_table(ratios, processes, seconds))


@contextmanager
def run_neighbour(wanted: bool) -> Iterator[None]:
    """Run the noisy neighbour while inside, if ``wanted``."""
    process = subprocess.Popen([sys.executable, "-c", _NEIGHBOUR]) if wanted else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


def measure_ratios(method: str, seconds: float, folder: Path) -> dict[str, float]:
    """Measure the separable/dense ratio of the centre for each direction, in one fresh process."""
    shapes = folder / "centre.csv"
    output = folder / "result.json"
    shapes.write_text("name\ncentre\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "bench/bench_layers.py", "--shapes", str(shapes)]
    command += ["--devices", "CPU:0", f"--benchmark-max-time={seconds}", "--benchmark-json", str(output)]
    done = subprocess.run([*command, *METHODS[method]], capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"measuring {method} failed:\n{done.stdout}{done.stderr}")
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


def format_table(ratios: dict[tuple[str, str], list[float]], processes: int, seconds: float) -> str:
    """The variation of each direction by each method, and how the methods compare."""
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
