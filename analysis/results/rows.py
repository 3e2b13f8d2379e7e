"""What was saved of a run -> rows of tables (see ``tables.Results``)."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from analysis.results.files import ResultsError
from analysis.results.network_rows import (
    BLOCK_COLUMNS,
    NETWORK_COLUMNS,
    REFUSED_COLUMNS,
    complete_rows,
    read_block,
    read_network,
)
from analysis.results.row_parts import add_ratios, find_trace_folder, is_contaminated, read_case
from analysis.results.tables import CampaignPlace, MeasuredRun
from bench.contract.cases import DIED, DISAGREES, FIELDS, UNSUPPORTED

#: The columns of each table, beside ``run``.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "layers": (
        "case",
        "id",
        *FIELDS,
        "shape",
        "pair",
        "name",
        "seconds",
        "seconds_q1",
        "seconds_q3",
        "seconds_min",
        "rounds",
        "ratio",
        "ratios",
        "control_ratio",
        "first_call_seconds",
        "settled",
        "contaminated",
        "unchecked",
        "trace",
        "turns",
        "together",
        "implementations",
    ),
    "ceilings": (
        "kind",
        "device",
        "dtype",
        "mode",
        "size",
        "repeats",
        "flops",
        "bytes",
        "working_set_bytes",
        "seconds",
    ),
    "not_measured": ("case", "id", "reason", "kind"),
    "remedies": ("name", "case", "remedied", "ratio", "ratios", "settled", "contaminated"),
    "contrasts": ("case", "base", "ratio", "ratios", "settled", "contaminated"),
    "trainings": (
        "model",
        "question",
        "repeat",
        "seed",
        "epochs",
        "parameters",
        "convolutions",
        "samples",
        "history",
        "seconds",
        "compiled",
        "microseconds_a_sample",
        "test_loss",
        "test_accuracy",
    ),
    "networks": NETWORK_COLUMNS,
    "blocks": BLOCK_COLUMNS,
    "refused_networks": REFUSED_COLUMNS,
}


def read_run(number: int, file: Path, identity: str, content: Mapping[str, Any]) -> MeasuredRun:
    """What a file says of its run; ``number`` is the run's place in the order of dates."""
    asked = content["machine_info"].get("run", {})
    campaign = asked.get("campaign")
    return MeasuredRun(
        number=number,
        identity=identity,
        file=str(file),
        datetime=content["datetime"],
        environment=content["machine_info"]["environment"],
        grid=asked.get("grid"),
        shapes=asked.get("shapes"),
        campaign=CampaignPlace(
            campaign["id"], campaign["replicate"], campaign["label"], campaign.get("place")
        )
        if campaign
        else None,
    )


def read_rows(file: Path, saved: Iterable[Mapping[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Of each saved row of a run, the name of the table that it belongs to, and its row there.

    Raises :class:`ResultsError`.
    """
    read = [_read_row(file, row) for row in saved]
    add_ratios(
        file,
        [row for table, row in read if table == "layers"],
        find_group=lambda row: row["pair"],
        is_base=lambda row: row["case"].is_dense,
        name=lambda row: row["id"],
    )
    for table in ("networks", "blocks"):
        complete_rows(file, [row for name, row in read if name == table])
    return read


def _read_row(file: Path, row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    info = row["extra_info"]
    if "ceiling" in info:
        return "ceilings", {**info["ceiling"], "seconds": row["stats"]["min"]}
    if "remedy" in info:
        return "remedies", _read_remedy(file, info)
    if "contrast" in info:
        return "contrasts", _read_contrast(file, info)
    if "training" in info:
        return "trainings", _read_training(info["training"])
    if "network" in info:
        return "networks", read_network(file, row)
    if "block" in info:
        return "blocks", read_block(row)
    return "layers", _read_layer(file, row)


def read_refusal(file: Path, refusal: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a case that was not measured."""
    case = read_case(file, refusal["case"])
    kind = refusal.get("kind") or _guess_kind(refusal["reason"])
    return {"case": case, "id": case.id, "reason": refusal["reason"], "kind": kind}


def _read_layer(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    info, stats = row["extra_info"], row["stats"]
    case = read_case(file, info["case"])
    if info["pair"] not in (case.comparison, case.id):
        raise ResultsError(f"{file} counts {case.id} to a comparison that is not its own")
    paired = info["paired"] or {}
    control = info.get("control") or {}
    turns = info.get("turns") or {}
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
        "first_call_seconds": info["first_call_seconds"],
        "settled": info["settled"],
        "contaminated": is_contaminated(info),
        "unchecked": info.get("unchecked"),
        "trace": find_trace_folder(file, info.get("trace")),
        "turns": turns.get("seconds"),
        "together": turns.get("together"),
        "implementations": info.get("implementations"),
    }


def _read_remedy(file: Path, info: Mapping[str, Any]) -> dict[str, Any]:
    remedy = info["remedy"]
    return {
        "name": remedy["name"],
        "case": read_case(file, remedy["case"]),
        "remedied": read_case(file, remedy["remedied"]),
        **_read_ratio(info),
    }


def _read_contrast(file: Path, info: Mapping[str, Any]) -> dict[str, Any]:
    contrast = info["contrast"]
    return {
        "case": read_case(file, contrast["case"]),
        "base": read_case(file, contrast["base"]),
        **_read_ratio(info),
    }


def _read_ratio(info: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured of one case against another."""
    return {
        "ratio": info["paired"]["ratio"],
        "ratios": info["paired"]["ratios"],
        "settled": bool(info.get("settled", True)),
        "contaminated": is_contaminated(info),
    }


def _read_training(training: Mapping[str, Any]) -> dict[str, Any]:
    seconds = training["history"]["seconds"]
    compiled = training.get("compiled", [0])
    steady = [taken for epoch, taken in enumerate(seconds) if epoch not in compiled] or seconds
    return {
        **{name: training.get(name) for name in COLUMNS["trainings"]},
        "question": training.get("question", ""),
        "seconds": seconds,
        "compiled": compiled,
        "microseconds_a_sample": statistics.median(steady) / training["samples"]["train"] * 1e6,
    }


def _guess_kind(reason: str) -> str:
    """The kind of a refusal in files that do not say it."""
    if "disagrees with NumPy" in reason:
        return DISAGREES
    if reason.startswith(("killed the process", "took longer than", "the process died")):
        return DIED
    return UNSUPPORTED
