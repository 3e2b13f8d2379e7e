"""A network -> the rows of its picture, from input to output, few enough to be read."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.networks.network import (
    ACTIVATION,
    CONVOLUTION,
    NORMALISATION,
    REST,
    MeasuredLayer,
    MeasuredNetwork,
    classify_layer,
)

#: Rows of a picture: more are not read.
MOST_ROWS = 40
#: So many layers with a row of their own always fit, whatever lies between them.
_ALWAYS_FIT = (MOST_ROWS - 1) // 2
#: Where more are changed, so many have a row of their own. The others share rows as short as fits, which are
#: found by trying so many shares of the whole time.
_FEW, _STEPS = 12, 200
#: How a row names the layers that it holds.
_SHORT_KINDS = {CONVOLUTION: "conv", NORMALISATION: "norm", ACTIVATION: "activation", REST: "other"}


@dataclass(frozen=True)
class _Place:
    """A layer with what its change takes out besides it; ``after`` is the time of what takes their place."""

    layers: tuple[MeasuredLayer, ...]
    #: Whether it is a convolution over 1x1.
    is_wide: bool
    seconds: float | None
    after: float | None

    @property
    def is_changed(self) -> bool:
        return self.layers[0].convert

    @property
    def longest(self) -> float:
        """Seconds, before or after; 0 where nothing is known."""
        return max(self.seconds or 0.0, self.after or 0.0)


#: What one row shows: a layer, or several that follow each other.
_Row = tuple[_Place, ...]


def has_network_times(network: MeasuredNetwork) -> bool:
    """Whether a trace says what layers take in the network; if not, only their times alone are known."""
    return any(layer.in_network_seconds is not None for layer in network.layers)


def sum_network_seconds(layer: MeasuredLayer, by_name: Mapping[str, MeasuredLayer]) -> float | None:
    """Of a traced step, with what the change of ``layer`` takes out too; ``None`` without a trace."""
    names = layer.found.absorbs if layer.found.becomes else ()
    with_it = (by_name[name].in_network_seconds for name in names if name in by_name)
    return _add((layer.in_network_seconds, *with_it))


def choose_rows(network: MeasuredNetwork) -> pd.DataFrame:
    """A row a bar, in the order of the network; none where no time of a layer is known.

    A convolution over 1x1 has a row, and so have all layers between two of them together. Where that makes
    more than :data:`MOST_ROWS`, the shorter ones join those beside them, unchanged ones first.

    Columns: ``first`` (the name of the first layer), ``layers`` (how many), ``kind`` (Keras's class, or what
    several layers are), ``becomes`` (of a changed layer), ``changed`` (how many), ``seconds`` and
    ``after_seconds`` (missing where not known), ``convolutions`` (over 1x1, how many), ``is_run`` (whether it
    is no row of a single convolution).
    """
    rows = _separate_rows(_list_places(network))
    if len(rows) > MOST_ROWS:
        rows = _join_rows(rows)
    described = (_describe_layer(row[0]) if _is_single(row) else _describe_run(row) for row in rows)
    # Without a trace nothing is known of what lies between convolutions.
    table = pd.DataFrame(row for row in described if row["seconds"] is not None or row["convolutions"])
    return table if len(table) and table["seconds"].notna().any() else table.iloc[:0]


def _list_places(network: MeasuredNetwork) -> list[_Place]:
    by_name = {layer.found.name: layer for layer in network.layers}
    absorbed = {name for layer in network.layers if layer.found.becomes for name in layer.found.absorbs}
    is_traced = has_network_times(network)
    places = []
    for layer in network.layers:
        found = layer.found
        if found.name in absorbed:
            continue
        with_it = found.absorbs if found.becomes else ()
        other = layer.recommended_seconds if is_traced else layer.other_seconds
        places.append(
            _Place(
                layers=(layer, *(by_name[name] for name in with_it if name in by_name)),
                is_wide=bool(found.becomes or found.reason),
                seconds=sum_network_seconds(layer, by_name) if is_traced else layer.alone_seconds,
                after=other if layer.convert else None,
            )
        )
    return places


def _separate_rows(places: Sequence[_Place]) -> list[_Row]:
    """A row a convolution over 1x1, and one for all that lies between two of them."""
    groups = itertools.groupby(enumerate(places), key=lambda one: one[0] if one[1].is_wide else -1)
    return [tuple(place for _, place in group) for _, group in groups]


def _join_rows(rows: Sequence[_Row]) -> list[_Row]:
    """Few enough rows: the greatest layers keep theirs, and the others join what lies beside them."""
    ranked = sorted(
        (number for number, row in enumerate(rows) if _is_single(row)),
        key=lambda number: (rows[number][0].is_changed, rows[number][0].longest),
        reverse=True,
    )
    if sum(rows[number][0].is_changed for number in ranked) <= _ALWAYS_FIT:
        counts = range(MOST_ROWS, _ALWAYS_FIT - 1, -1)
        tries = (_join_up_to(rows, math.inf, set(ranked[:count])) for count in counts)
    else:
        whole = sum(place.longest for row in rows for place in row)
        few = set(ranked[:_FEW])
        tries = (_join_up_to(rows, whole * step / _STEPS, few) for step in range(_STEPS + 1))
    return next(joined for joined in tries if len(joined) <= MOST_ROWS)


def _join_up_to(rows: Sequence[_Row], limit: float, alone: Set[int]) -> list[_Row]:
    """Neighbours as one row while they take no more than ``limit`` seconds; rows ``alone`` join none."""
    joined: list[list[_Place]] = []
    # Before the first row, and behind one that is alone, a row begins.
    reached = math.nan
    for number, row in enumerate(rows):
        seconds = sum(place.longest for place in row)
        if number not in alone and reached + seconds <= limit:
            joined[-1] += row
            reached += seconds
        else:
            joined.append([*row])
            reached = math.nan if number in alone else seconds
    return [tuple(row) for row in joined]


def _is_single(row: _Row) -> bool:
    return len(row) == 1 and row[0].is_wide


def _describe_layer(place: _Place) -> dict[str, Any]:
    found = place.layers[0].found
    return {
        "first": found.name,
        "layers": len(place.layers),
        "kind": found.kind,
        "becomes": (found.becomes or "") if place.is_changed else "",
        "changed": int(place.is_changed),
        "seconds": place.seconds,
        "after_seconds": place.after,
        "convolutions": 1,
        "is_run": False,
    }


def _describe_run(run: _Row) -> dict[str, Any]:
    layers = [layer for place in run for layer in place.layers]
    changed = [place for place in run if place.is_changed]
    is_after_known = bool(changed) and all(place.after is not None for place in changed)
    after = _add(place.after if place.is_changed else place.seconds for place in run)
    return {
        "first": layers[0].found.name,
        "layers": len(layers),
        "kind": _count_kinds(layers) if len(layers) > 1 else layers[0].found.kind,
        "becomes": "",
        "changed": len(changed),
        "seconds": _add(place.seconds for place in run),
        "after_seconds": after if is_after_known else None,
        "convolutions": sum(place.is_wide for place in run),
        "is_run": True,
    }


def _add(seconds: Iterable[float | None]) -> float | None:
    """The sum of those that are known; ``None`` where none is."""
    known = [value for value in seconds if value is not None]
    return sum(known) if known else None


def _count_kinds(layers: Iterable[MeasuredLayer]) -> str:
    """``3 conv, 2 norm, activation``."""
    counts = Counter(classify_layer(layer.found.kind) for layer in layers)
    return ", ".join(
        f"{counts[kind]} {word}" if counts[kind] > 1 else word
        for kind, word in _SHORT_KINDS.items()
        if counts[kind]
    )
