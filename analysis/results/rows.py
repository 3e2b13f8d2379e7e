"""One saved row -> one row of a table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.results.files import ResultsError
from bench.contract.cases import DIED, DISAGREES, FIELDS, UNSUPPORTED, ConvCase


def guess_kind(reason: str) -> str:
    """Of files that do not say it."""
    if "disagrees with NumPy" in reason:
        return DISAGREES
    if reason.startswith(("killed the process", "took longer than", "the process died")):
        return DIED
    return UNSUPPORTED


LAYER_COLUMNS = (
    *("case", "id", *FIELDS, "shape", "pair", "name", "seconds", "seconds_q1", "seconds_q3", "seconds_min"),
    *("rounds", "ratio", "ratios", "control_ratio", "control_ratios", "first_call_seconds", "settled"),
    *("contaminated", "unchecked", "trace", "turns", "together"),
)
REMEDY_COLUMNS = ("name", "case", "remedied", "ratio", "ratios", "settled", "contaminated")
CONTRAST_COLUMNS = ("case", "base", "ratio", "ratios", "settled", "contaminated")
TRAINING_COLUMNS = (
    *("model", "question", "repeat", "seed", "epochs", "parameters", "samples", "history", "seconds"),
    *("compiled", "microseconds_a_sample", "test_loss", "test_accuracy"),
)
CEILING_COLUMNS = (
    *("kind", "device", "dtype", "mode", "size", "repeats", "flops", "bytes", "working_set_bytes", "seconds"),
)


def read_layer(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    info, stats = row["extra_info"], row["stats"]
    case = read_case(file, info["case"])
    if info["pair"] not in (case.comparison, case.id):
        raise ResultsError(f"{file} counts {case.id} to a comparison that is not its own")
    paired, control, turns = info["paired"] or {}, info.get("control") or {}, info.get("turns") or {}
    return {
        "case": case,
        "id": case.id,
        **{name: getattr(case, name) for name in FIELDS},
        "shape": case.shape,
        "pair": info["pair"],
        "name": info.get("name", ""),
        "seconds": stats["median"],
        "seconds_q1": stats["q1"],
        "seconds_q3": stats["q3"],
        "seconds_min": stats["min"],
        "rounds": stats["rounds"],
        "ratio": paired.get("ratio"),
        "ratios": paired.get("ratios"),
        "control_ratio": control.get("ratio"),
        "control_ratios": control.get("ratios"),
        "first_call_seconds": info["first_call_seconds"],
        "settled": info["settled"],
        "contaminated": bool((info.get("noise") or {}).get("contaminated")),
        "unchecked": info.get("unchecked"),
        "trace": _trace_folder(file, info.get("trace")),
        "turns": turns.get("seconds"),
        "together": turns.get("together"),
    }


def read_remedy(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    info = row["extra_info"]
    remedy = info["remedy"]
    return {
        "name": remedy["name"],
        "case": read_case(file, remedy["case"]),
        "remedied": read_case(file, remedy["remedied"]),
        **_against(info),
    }


def read_contrast(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    info = row["extra_info"]
    return {
        "case": read_case(file, info["contrast"]["case"]),
        "base": read_case(file, info["contrast"]["base"]),
        **_against(info),
    }


def _against(info: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured of one case against another."""
    return {
        "ratio": info["paired"]["ratio"],
        "ratios": info["paired"]["ratios"],
        "settled": bool(info.get("settled", True)),
        "contaminated": bool((info.get("noise") or {}).get("contaminated")),
    }


def read_training(row: Mapping[str, Any]) -> dict[str, Any]:
    training = row["extra_info"]["training"]
    seconds = training["history"]["seconds"]
    compiled = training.get("compiled", [0])
    steady = [taken for epoch, taken in enumerate(seconds) if epoch not in compiled] or seconds
    return {
        **{name: training.get(name) for name in TRAINING_COLUMNS},
        "question": training.get("question", ""),
        "seconds": seconds,
        "compiled": compiled,
        "microseconds_a_sample": statistics.median(steady) / training["samples"]["train"] * 1e6,
    }


def read_turns_with(run: Mapping[str, Any]) -> tuple[str, int] | None:
    campaign = run.get("campaign")
    return (campaign["id"], campaign["replicate"]) if campaign else None


def _trace_folder(file: Path, trace: str | None) -> Path | None:
    """Where a case's trace lies: below the working folder, or beside the folder of its result file.

    A file may name no other place: it is data, and may come from anybody.
    """
    if not trace or Path(trace).is_absolute() or ".." in Path(trace).parts:
        return None
    try:
        return next((folder for folder in (Path(trace), file.parent.parent / trace) if folder.is_dir()), None)
    except (OSError, ValueError):  # a name that no folder can have
        return None


def read_case(file: Path, fields: Mapping[str, Any]) -> ConvCase:
    try:
        return ConvCase.from_dict(fields)
    except ValueError as error:
        raise ResultsError(f"{file} holds a case that cannot exist: {error}") from error
