"""Damages files and options at random, and sees that all that comes of it is a sentence.

``python -m tests.fuzzing --minutes 60 --seed 1`` goes on for an hour; ``test_damaged_files.py`` tries a few.
"""

from __future__ import annotations

import argparse
import collections
import copy
import json
import random
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from analysis.cli.main import main as analysis
from analysis.networks.in_network import read_network_trace
from analysis.traces.line import TraceError
from analysis.traces.step import read_trace
from bench.contract.cases import SCHEMA, ConvCase
from bench.plan.shape_files import COLUMNS, ShapeFileError, read_shapes
from tests.analysis import made_results
from tests.analysis.mnist.test_trainings import training_row
from tests.analysis.networks import made_networks

#: What a value is replaced with.
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 10**400, 0.0, -0.0, 0.5, 1e-320, 1e308, -1e308),
    *(
        "",
        "x",
        "0",
        "../../etc/passwd",
        "/etc/passwd",
        "\x1b[31mred",
        "\u202egnp",
        "a" * 5000,
        "NaN",
        "ä",
        "\0",
    ),
    *([], {}, [None], [[]], {"": None}, [1, "x"], ["x"] * 3),
)
#: What bytes are replaced with.
PIECES = (
    b"",
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"{",
    b"]",
    b"1e999",
    b"NaN",
    b"9" * 5000,
    b"[" * 20_000,
    b'"',
    b"\\ud800",
)


def results() -> dict[str, Any]:
    """A result file with every kind of row."""
    case = ConvCase(direction="train")
    other = ConvCase(direction="train", in_channels=8)
    rows = [
        *made_results.comparison_rows(case, 0.002, 2.0, name="stem", control=_paired(1.01)),
        *made_results.comparison_rows(other, 0.002, 0.5),
        *made_results.ceilings(),
        training_row("conv", 0, 3),
        training_row("separable", 0, 3),
        _against("remedy", {"name": "XLA off", "case": _separable(case), "remedied": _separable(other)}),
        _against("contrast", {"case": _separable(case), "base": case.as_dict()}),
        *made_networks.block_rows(),
        *made_networks.network_rows(),
    ]
    content = made_results.content(rows)
    content["machine_info"]["run"]["campaign"] = {"id": "c", "replicate": 1, "label": "a"}
    content["not_measured"] = [{"case": case.as_dict(), "reason": "no", "kind": "unsupported"}]
    return copy.deepcopy(content)


def _separable(case: ConvCase) -> dict[str, Any]:
    return {**case.as_dict(), "layer": "separable_conv2d"}


def _paired(ratio: float) -> dict[str, Any]:
    return {"rounds": 8, "ratio": ratio, "spread": [ratio, ratio], "ratios": [ratio] * 8}


def _against(kind: str, what: dict[str, Any]) -> dict[str, Any]:
    row = made_results.ceilings()[0]
    return {**row, "extra_info": {"schema": SCHEMA, kind: what, "paired": _paired(0.7), "settled": True}}


def places(content: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all values in ``content``."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def damaged(content: Any, chance: random.Random) -> Any:
    """``content`` with one or two values replaced, removed or doubled."""
    found = copy.deepcopy(content)
    for _ in range(chance.choice([1, 1, 1, 2])):
        # Deep lists of numbers would be hit nearly always.
        depth = chance.randint(1, 9)
        path = chance.choice([path for path in places(found) if len(path) <= depth])
        parent = found
        for key in path[:-1]:
            parent = parent[key]
        what = chance.random()
        if what < 0.15:
            del parent[path[-1]]
        elif what < 0.25 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
        elif what < 0.35 and isinstance(parent, dict):
            parent[chance.choice(["", "extra", "case", "x" * 300])] = chance.choice(STRANGE)
        else:
            parent[path[-1]] = chance.choice(STRANGE)
    return found


def in_bytes(content: bytes, chance: random.Random) -> bytes:
    """``content`` cut off, or with a piece of it replaced."""
    place = chance.randrange(len(content) + 1)
    if chance.random() < 0.3:
        return content[:place]
    return content[:place] + chance.choice(PIECES) + content[place + chance.choice([0, 1, 1, 7, 300]) :]


def shapes(chance: random.Random) -> tuple[str, bytes]:
    """A shapes file: its name and what is in it."""
    columns = chance.sample(COLUMNS, chance.randint(1, 8))
    values = (
        *(
            "",
            "1",
            "3",
            "3x5",
            "0",
            "-1",
            "same",
            "valid",
            "true",
            "relu",
            "conv1d",
            "9" * 5000,
            "1e3",
            "3x",
            "x",
        ),
        *("4817177250100823153", "../x", "\x1b[2J", "ä", '"', "NaN", "none", "graph", "float32", "train"),
    )
    if chance.random() < 0.5:
        rows = [{name: chance.choice((*values, *STRANGE)) for name in columns} for _ in range(3)]
        content = json.dumps(chance.choice([rows, rows, rows[0], rows[0:1] * 2])).encode()
        name = "shapes.json"
    else:
        lines = [",".join(columns), *(",".join(chance.choice(values) for _ in columns) for _ in range(3))]
        blank = "\n" * chance.randint(0, 3)
        content, name = (blank + "\n".join(lines)).encode(), "shapes.csv"
    return name, in_bytes(content, chance) if chance.random() < 0.3 else content


def one_result(chance: random.Random, folder: Path) -> str:
    """Damage a result file, and run every command on it; what came of it."""
    content = results()
    if chance.random() < 0.75:
        text = json.dumps(damaged(content, chance)).encode()
    else:
        text = in_bytes(json.dumps(content).encode(), chance)
    file = folder / "results" / "0001_damaged.json"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text)
    whole = made_results.save(
        folder / "results",
        made_results.comparison_rows(ConvCase(direction="train"), 0.001, 0.9),
        "0002_whole.json",
    )
    before = {path for path in folder.rglob("*") if "report" not in path.parts}
    report = [["report", str(file), "--output", str(folder / "report")]] if chance.random() < 0.1 else []
    codes = set()
    for arguments in (
        ["check", str(file)],
        ["explain", str(file)],
        ["claims", str(file)],
        ["network", str(file)],
        ["compare", str(file), str(whole)],
        *report,
    ):
        done = CliRunner().invoke(analysis, arguments)
        if done.exception and not isinstance(done.exception, SystemExit):
            said = "".join(traceback.format_exception(done.exception))
            raise AssertionError(f"{arguments[0]} on {text[:20]!r}...: {said}")
        codes.add(done.exit_code)
        told = done.output
        bad = [letter for letter in told if not (letter.isprintable() or letter == "\n")]
        assert not bad, f"{arguments[0]} printed {bad[:3]}"
        assert done.exit_code in (0, 2), f"{arguments[0]} ended with {done.exit_code}: {told}"
        if done.exit_code == 2:
            assert "0001_damaged.json" in told or len(told.splitlines()) <= 3, told
    assert {path for path in folder.rglob("*") if "report" not in path.parts} == before
    return "refused" if codes == {2} else "read" if codes == {0} else "read in part"


def one_shapes_file(chance: random.Random, folder: Path) -> str:
    """Read a strange shapes file; what came of it."""
    name, content = shapes(chance)
    file = folder / name
    file.write_bytes(content)
    try:
        found = read_shapes(file)
    except ShapeFileError as error:
        said = str(error)
        assert name in said
        assert "\n" not in said.strip(), said
        assert len(said) < 1000, said
        assert said.replace("\n", "").isprintable(), said
        return "refused"
    for shape in found:
        case = ConvCase("separable_conv1d" if shape.is_1d else "separable_conv2d", **shape.fields)
        assert case.id.isprintable()
        assert "/" not in case.id
    return "read"


def one_trace(chance: random.Random, folder: Path) -> str:
    """Damage one file of a committed trace and read that; what came of it."""
    captured = chance.choice(sorted(TRACES.rglob("capture.json")))
    shutil.copytree(captured.parent, folder / "trace")
    case = ConvCase.from_dict(json.loads(captured.read_text())["case"])
    file = chance.choice(sorted(path for path in (folder / "trace").rglob("*") if path.is_file()))
    if file.name == "capture.json" and chance.random() < 0.7:
        file.write_text(json.dumps(damaged(json.loads(file.read_text()), chance)))
    else:
        file.write_bytes(in_bytes(file.read_bytes(), chance))
    return _read(lambda: read_trace(folder / "trace", case), folder)


def one_network_trace(chance: random.Random, folder: Path) -> str:
    """Damage one file of a made trace of a network and read that; what came of it."""
    made_networks.save_trace(folder / "trace")
    file = chance.choice(sorted(path for path in (folder / "trace").rglob("*") if path.is_file()))
    if file.name == "network.json" and chance.random() < 0.7:
        file.write_text(json.dumps(damaged(json.loads(file.read_text()), chance)))
    else:
        file.write_bytes(in_bytes(file.read_bytes(), chance))
    layers = {"layers": made_networks.LAYERS, "converted": ()}
    row = {"name": "tiny", "variant": "as it is", "direction": "inference", **layers}
    return _read(lambda: read_network_trace(folder / "trace", row), folder)


def _read(read: Callable[[], object], folder: Path) -> str:
    """Whether ``read`` read what is in ``folder``, or refused it by name."""
    try:
        read()
    except TraceError as error:
        said = str(error)
    else:
        return "read"
    assert str(folder) in said, said
    return "refused"


#: What the example keeps of them.
TRACES = Path(__file__).parents[1] / "reports" / "example" / "traces"
KINDS = {
    "results": one_result,
    "shapes": one_shapes_file,
    "traces": one_trace,
    "networks": one_network_trace,
}


def one(kind: str, seed: int) -> str:
    """One try of ``kind`` with ``seed``; raises where more comes of it than a sentence."""
    with tempfile.TemporaryDirectory() as folder:
        return KINDS[kind](random.Random(seed), Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=[*KINDS, "all"], default="all")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    counts: collections.Counter[str] = collections.Counter()
    seed, failures = options.seed, 0
    kinds = list(KINDS) if options.kind == "all" else [options.kind]
    while time.monotonic() < end:
        for kind in kinds:
            # Reading shapes takes no time beside the rest.
            for number in range(20 if kind == "shapes" else 1):
                try:
                    counts[f"{kind} {one(kind, seed * 100 + number)}"] += 1
                except Exception as error:
                    failures += 1
                    counts[f"{kind} FAILED"] += 1
                    print(f"{kind}, seed {seed * 100 + number}: {str(error)[-1500:]}", flush=True)
        seed += 1
    print(f"seeds {options.seed} to {seed - 1}: {dict(sorted(counts.items()))}; {failures} failures")


if __name__ == "__main__":
    main()
