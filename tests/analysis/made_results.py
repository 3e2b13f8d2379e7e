"""Result files with known numbers, in the form that pytest-benchmark saves."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.contract.cases import DENSE_OF, SCHEMA, SEPARABLE_OF, ConvCase
from bench.plan.ceilings import Ceiling, list_ceilings

ENVIRONMENT = {
    "fingerprint": "0123456789", "backend": "tensorflow", "tensorflow": "2.21.0", "keras": "3.15.1",
    "host": "here", "cpu": "A CPU", "cores": 2, "onednn": "on", "flags": {}, "load_at_start": 0.1,
}  # fmt: skip


def pair_of(case: ConvCase) -> tuple[ConvCase, ConvCase]:
    """The dense and the separable layer of the comparison that ``case`` is one side of."""
    dense = DENSE_OF.get(case.layer, case.layer)
    return dataclasses.replace(case, layer=dense), dataclasses.replace(case, layer=SEPARABLE_OF[dense])


def layer_row(case: ConvCase, seconds: float, ratios: Iterable[float] | None = None, **info: Any) -> dict:
    """One saved row; ``ratios`` are those of its turns to the dense layer."""
    ratios = list(ratios or ())
    paired = None
    if ratios:
        middle = sorted(ratios)[len(ratios) // 2]
        paired = {
            "rounds": len(ratios),
            "ratio": middle,
            "spread": [min(ratios), max(ratios)],
            "ratios": ratios,
        }
    return {
        **_row(case.id, seconds),
        "extra_info": {
            "schema": SCHEMA, "case": case.as_dict(), "paired": paired, "control": None,
            "pair": case.comparison if paired else case.id, "name": "", "first_call_seconds": 0.3,
            "warmup_calls": 5, "settled": True, "noise": None, "trace": None, **info,
        },
    }  # fmt: skip


def ceiling_row(ceiling: Ceiling, seconds: float) -> dict:
    return {**_row(ceiling.id, seconds), "extra_info": {"schema": SCHEMA, "ceiling": ceiling.as_dict()}}


def comparison_rows(case: ConvCase, dense_seconds: float, ratio: float, **info: Any) -> list[dict]:
    """The two rows of a comparison whose ratio varies by 1 % between its 20 turns."""
    dense, separable = pair_of(case)
    ratios = [ratio * (1 + 0.0005 * turn) for turn in range(-10, 11)]
    return [
        layer_row(dense, dense_seconds, [1.0] * 21, **info),
        layer_row(separable, dense_seconds * ratio, ratios, **info),
    ]


def ceilings(flops: float = 1e11, bytes_a_second: Callable[[int], float] = lambda size: 1e10) -> list[dict]:
    """The rows of a machine with this peak in float32 and this bandwidth for each working set."""
    rows = []
    for ceiling in list_ceilings(("CPU:0",), ("float32",), ("graph",)):
        if ceiling.flops:
            rows.append(ceiling_row(ceiling, ceiling.flops / flops))
        elif ceiling.bytes:
            rows.append(ceiling_row(ceiling, ceiling.bytes / bytes_a_second(ceiling.working_set_bytes)))
        else:
            rows.append(ceiling_row(ceiling, 0.0001))
    return rows


def content(rows: list[dict], *, when: str = "2026-01-01T00:00:00+00:00", **environment: Any) -> dict:
    return {
        "machine_info": {
            "identity": uuid.uuid4().hex,
            "environment": {**ENVIRONMENT, **environment}, "run": {"grid": "made"},
        },
        "commit_info": {}, "datetime": when, "version": "5.3.1", "benchmarks": rows, "not_measured": [],
    }  # fmt: skip


def save(folder: Path, rows: list[dict], name: str = "0001_made.json", **more: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(content(rows, **more)), encoding="utf-8")
    return path


def grid_rows(ratio_of: Callable[[ConvCase], float]) -> list[dict]:
    """A plane of channels and kernels, and two arms, with the ratio that ``ratio_of`` says."""
    cases = [
        ConvCase(
            direction=direction, in_channels=channels, filters=max(32, channels), kernel_size=(side, side)
        )
        for direction in ("forward", "train")
        for channels in (1, 8, 64)
        for side in (3, 5)
    ]
    for direction in ("forward", "train"):
        cases += [
            ConvCase(direction=direction, mode="xla"),
            ConvCase(direction=direction, strides=(2, 2)),
            ConvCase(direction=direction, filters=16),
        ]
    return [row for case in cases for row in comparison_rows(case, 0.002, ratio_of(case))]


def _row(name: str, seconds: float) -> dict:
    return {
        "name": f"test[{name}]", "fullname": f"bench/test[{name}]", "group": None, "params": {},
        "stats": {"median": seconds, "q1": seconds, "q3": seconds, "min": seconds, "rounds": 20},
    }  # fmt: skip
