"""Whole runs of ``pytest bench/`` on small made-up shapes, and what they leave."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from analysis.results.loading import load_results
from bench.processes.journal import list_journals
from bench.processes.records import read_records

PROJECT = Path(__file__).parents[3]
SHAPES = [
    {"batch": 1, "height": 4, "width": 4, "in_channels": channels, "filters": 4} for channels in (1, 2, 3)
]
CASES = 2 * 3 * len(SHAPES)
#: The case that a fault is put into.
FATAL = "separable_conv2d-train-1x4x4x2-f4-k3"


def command(folder, *options):
    return [
        sys.executable,
        "-m",
        "pytest",
        "bench/bench_layers.py",
        "-p",
        "tests.bench.made_framework",
        "-p",
        "no:cacheprovider",
        "-q",
        "--benchmark-quiet",
        "--benchmark-autosave",
        "--benchmark-max-time=0.01",
        f"--benchmark-storage=file://{folder}/saved",
        f"--shapes={folder}/shapes.json",
        *options,
    ]


def run(folder, *options, **more):
    return subprocess.run(
        command(folder, *options), cwd=PROJECT, capture_output=True, text=True, timeout=120, **more
    )


def saved(folder):
    """The only saved file's rows, and the cases that were not measured."""
    (file,) = (folder / "saved").rglob("*.json")
    load_results([file])
    content = json.loads(file.read_text())
    return content["benchmarks"], content["not_measured"]


def saved_files(folder):
    return list((folder / "saved").rglob("*.json"))


def ids(rows):
    return sorted(row["name"].partition("[")[2].rstrip("]") for row in rows)


def with_fault(folder, fault):
    file = folder / "faults.json"
    file.write_text(json.dumps({FATAL: fault}))
    return {**os.environ, "BENCH_FAULTS": str(file)}


def records(folder):
    return [record for file in folder.rglob("*.journal") for record in read_records(file)]


def measured(folder):
    return {record["name"] for record in records(folder) if "kept" in record}


def kept(folder):
    """How many measurements any journal keeps, set aside or not."""
    return sum(list_journals(folder / "saved" / "journal").values())


def wait_for(true):
    for _ in range(1200):
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("waited for a minute")
