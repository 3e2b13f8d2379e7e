"""Saved rows of whole networks and of their blocks -> rows of tables (see ``tables.Results``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.results.files import ResultsError
from analysis.results.row_parts import add_ratios, find_trace_folder, is_contaminated
from bench.contract.networks import AS_IT_IS, FoundLayer

#: What a network, and a block of one, is known by in a run, whatever its variant.
NETWORK_KEY = ("name", "model", "direction", "mode", "device", "batch", "inputs")
BLOCK_KEY = ("network", "model", "inputs", "layer", "direction", "mode", "device", "batch")
_MEASURED = ("ratio", "ratios", "turns", "together", "settled", "contaminated")

#: The columns of each table, beside ``run``.
NETWORK_COLUMNS = (
    *NETWORK_KEY,
    "variant",
    "parameters",
    "multiplications",
    "converted",
    "recommended",
    "layers",
    "seconds",
    *_MEASURED,
    "trace",
)
BLOCK_COLUMNS = (*BLOCK_KEY, "variant", "seconds", *_MEASURED)
REFUSED_COLUMNS = (
    "network",
    "model",
    "direction",
    "mode",
    "device",
    "variant",
    "layer",
    "reason",
    "kind",
)


def read_network(file: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a network. Raises :class:`ResultsError` where its layers cannot be."""
    info = row["extra_info"]
    network = info["network"]
    recommended = network["recommended"]
    return {
        **{name: network[name] for name in (*NETWORK_KEY, "variant", "parameters", "multiplications")},
        "inputs": tuple(network["inputs"]),
        "converted": tuple(network["converted"]),
        "recommended": None if recommended is None else tuple(recommended),
        "layers": _read_layers(file, network),
        "seconds": row["stats"]["median"],
        **_read_measured(info, network["variant"]),
        "trace": find_trace_folder(file, info.get("trace")),
    }


def read_block(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a block."""
    info = row["extra_info"]
    block = info["block"]
    return {
        **{name: block[name] for name in (*BLOCK_KEY, "variant")},
        "inputs": tuple(block["inputs"]),
        "seconds": row["stats"]["median"],
        **_read_measured(info, block["variant"]),
    }


def complete_rows(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Add what a file says once to the rows of networks or of blocks: layers, and the ratios of turns.

    Raises :class:`ResultsError` where one is there twice, changes a layer that its network lacks, or has a
    ratio without its turns.
    """
    rows = list(rows)
    key = BLOCK_KEY if rows and "network" in rows[0] else NETWORK_KEY
    found = Counter((_find_key(row, key), row["variant"]) for row in rows)
    for row in rows:
        if found[_find_key(row, key), row["variant"]] > 1:
            raise ResultsError(f"{file} holds {_write_name(row, key)} twice")
    if key is NETWORK_KEY:
        _share_layers(file, rows)
    add_ratios(
        file,
        rows,
        find_group=lambda row: _find_key(row, key),
        is_base=lambda row: row["variant"] == AS_IT_IS,
        name=lambda row: _write_name(row, key),
    )


def _find_key(row: Mapping[str, Any], key: tuple[str, ...]) -> tuple[Hashable, ...]:
    return tuple(row[name] for name in key)


def _write_name(row: Mapping[str, Any], key: tuple[str, ...]) -> str:
    return f"{row[key[0]]} {row['variant']} in {row['direction']}"


def _read_measured(info: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """What was measured of a variant, against the network or block as it is."""
    paired, turns = info["paired"] or {}, info.get("turns") or {}
    ratio, ratios = paired.get("ratio"), paired.get("ratios")
    if variant == AS_IT_IS:
        # Whatever the turns were: a time over itself.
        ratio, ratios = 1.0, [1.0] * len(turns.get("seconds") or ratios or [1.0])
    return {
        "ratio": ratio,
        "ratios": ratios,
        "turns": turns.get("seconds"),
        "together": turns.get("together"),
        "settled": info["settled"],
        "contaminated": is_contaminated(info),
    }


def _read_layers(file: Path, network: Mapping[str, Any]) -> tuple[FoundLayer, ...]:
    try:
        return tuple(FoundLayer.from_dict(fields) for fields in network["layers"])
    except ValueError as error:
        raise ResultsError(
            f"{file} holds {network['name']} with a case that cannot exist: {error}"
        ) from error


def _share_layers(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Give all rows of a network its layers, which stand in that of the network as it is; check their names.

    Where that row is missing, nothing says which layers there are.
    """
    known = {_find_key(row, NETWORK_KEY): row["layers"] for row in rows if row["variant"] == AS_IT_IS}
    for row in rows:
        row["layers"] = known.get(_find_key(row, NETWORK_KEY), ())
        names = [layer.name for layer in row["layers"]]
        if len(set(names)) < len(names):
            raise ResultsError(f"{file} holds {row['name']} with a layer twice")
        others = {*row["converted"], *(row["recommended"] or ())} - set(names)
        if names and others:
            raise ResultsError(f"{file} holds {row['name']} with a change of {min(others)!r}, which it lacks")
