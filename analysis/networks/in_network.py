"""A trace of a whole network -> what a step is spent on, by layer and by kind.

Every instant of a step belongs to one operation or overhead, as in ``traces.step``. TensorFlow names an
operation of a graph by the scope of the layer that made it. A fused operation has the name of the last one
that went into it: a convolution with the normalisation behind it is called as the normalisation. Its layer is
therefore found by following the network back to the convolution.

Seconds are those of the traced step. The profiler lengthens it a little, and more so where operations are
short. Nothing is scaled to the step without it, as that would give every layer a part of a cost that is not
its own; so the parts add up to the traced step.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.networks.network import CONVOLUTION, KINDS, OUTSIDE, REST, classify_layer
from analysis.traces.attribution import attribute_operations
from analysis.traces.captured_steps import read_steps
from analysis.traces.formats.capture import read_network_capture
from analysis.traces.line import TraceError
from analysis.traces.operations import Operation
from analysis.traces.overheads import attribute_overheads
from analysis.wording import format_percent
from bench.contract.networks import NETWORK_CAPTURE, FoundLayer

#: How the names of TensorFlow's types and of PyTorch's operations look; XLA's instructions have others.
_TELLING = re.compile(r"^_?[A-Z]|::")
#: Convolutions by TensorFlow's types (oneDNN's variants contain them), PyTorch's names, XLA's instructions.
_CONVOLUTIONS = re.compile(r"Conv2D|DepthwiseConv2d|Conv3D|::\w*conv|^convolution(?:\.\d+)?$")
#: Where no layer is known and more of the time than this says nothing, nothing is known by kind.
_MOST_UNTOLD = 0.5
#: Less time without a layer is not worth a sentence.
_WORTH_TELLING = 0.01
#: Before the name of an operation that is part of a gradient.
_GRADIENT = "gradient_tape/"
#: Before the name of an operation of a function that was put in the place of its call.
_INLINED = re.compile(r"^(?:(?:Stateful)?PartitionedCall(?:_\d+)?/)+")


@dataclass(frozen=True)
class NetworkTrace:
    """What a traced step of a network was spent on."""

    #: By layer, over all its calls and gradients; empty where operations do not say which layer they are of.
    by_layer: Mapping[str, float]
    #: By kind, all of ``network.KINDS``; where no layer is known, without those of layers that are no
    #: convolutions; empty where operations cannot be told apart.
    by_kind: Mapping[str, float]
    #: The mean of the traced steps that were kept.
    step_seconds: float
    #: The share of it that has a name.
    accounted: float
    #: Of convolutions that no layer is known of, and of what XLA compiled, which may hold some.
    unnamed_seconds: float
    #: A sentence for what the trace cannot say.
    problems: tuple[str, ...] = ()


def read_network_trace(folder: Path, row: Mapping[str, Any]) -> NetworkTrace:
    """The trace in ``folder`` of the network that ``row`` (of ``Results.networks``) is of.

    Raises :class:`TraceError` where the trace or ``network.json`` is missing, damaged or of another network.
    """
    captured = read_steps(folder)
    capture = read_network_capture(folder / NETWORK_CAPTURE)
    traced = (capture.network, capture.variant, capture.direction)
    if traced != (row["name"], row["variant"], row["direction"]):
        raise TraceError(f"{folder} holds the trace of another network, {', '.join(traced)}")
    operations = list(captured.operations)
    names = _LayerNames(_change_layers(row["layers"], row["converted"]), capture.scopes, operations)
    table = attribute_operations(operations, names.describe, captured.steps, ("layer", "kind", "is_told"))
    overheads = attribute_overheads(
        captured.lines, captured.caller, operations, captured.steps, capture.caller_cpu_seconds
    )
    outside = float(overheads["seconds_a_step"].sum()) if len(overheads) else 0.0
    by_kind = _sum_by(table, "kind")
    trace = NetworkTrace(
        by_layer=_sum_by(table[table["layer"] != ""], "layer"),
        by_kind={**{kind: by_kind.get(kind, 0.0) for kind in KINDS}, OUTSIDE: outside},
        step_seconds=captured.step_seconds,
        accounted=(sum(by_kind.values()) + outside) / captured.step_seconds,
        unnamed_seconds=_sum_unnamed(table),
    )
    return _leave_out_untold(trace, table)


def _leave_out_untold(trace: NetworkTrace, table: pd.DataFrame) -> NetworkTrace:
    """``trace`` without what its operations, in ``table``, do not say; sentences say so."""
    is_told = table["is_told"].astype(bool)
    whole = float(table["seconds_a_step"].sum())
    untold = float(table.loc[~is_told, "seconds_a_step"].sum())
    if trace.by_layer:
        return replace(trace, problems=tuple(_list_unnamed(trace, table[is_told], untold / whole)))
    if untold > _MOST_UNTOLD * whole:
        problem = "The trace does not say what its operations do: XLA compiled them into others."
        return replace(trace, by_kind={}, problems=(problem,))
    problem = "The trace does not say which layer an operation is of: it tells convolutions from the rest."
    kinds = (CONVOLUTION, REST, OUTSIDE)
    return replace(trace, by_kind={kind: trace.by_kind[kind] for kind in kinds}, problems=(problem,))


def _list_unnamed(trace: NetworkTrace, told: pd.DataFrame, untold: float) -> Iterator[str]:
    """A sentence for each part of the operations that no layer is known of; ``untold`` is XLA's share."""
    if untold > _WORTH_TELLING:
        yield (
            f"XLA compiled a part of the traced network, {format_percent(untold)} of its operations' time, "
            "as it does for convolutions with groups: of that no layer is known."
        )
    unnamed = told[(told["kind"] == CONVOLUTION) & (told["layer"] == "")]["seconds_a_step"].sum()
    if unnamed > _WORTH_TELLING * trace.by_kind[CONVOLUTION]:
        yield (
            f"Of the traced convolutions {format_percent(unnamed / trace.by_kind[CONVOLUTION])} cannot be "
            "given to a layer: they were fused with what lies behind several of them, or behind none."
        )


def _sum_unnamed(table: pd.DataFrame) -> float:
    may_be = (table["kind"] == CONVOLUTION) | ~table["is_told"].astype(bool)
    return float(table.loc[may_be & (table["layer"] == ""), "seconds_a_step"].sum())


def find_layer(place: str, scopes: Mapping[str, str]) -> str:
    """The layer that made the operation at ``place`` in a graph: that of the longest scope it lies in.

    ``gradient_tape/resnet/conv1/Conv2DBackpropInput`` lies in ``resnet/conv1``. Empty where none is known.
    """
    parts = _INLINED.sub("", place.rpartition(_GRADIENT)[2]).split("/")
    for length in range(len(parts), 0, -1):
        layer = scopes.get("/".join(parts[:length]))
        if layer is not None:
            return layer
    return ""


class _LayerNames:
    """Says of an operation which layer it is of, and its kind."""

    def __init__(
        self, layers: Sequence[FoundLayer], scopes: Mapping[str, str], operations: Sequence[Operation]
    ) -> None:
        self._layers = {layer.name: layer for layer in layers}
        self._scopes = {scope.rstrip("/"): layer for scope, layer in scopes.items() if scope.rstrip("/")}
        #: The convolutions that an operation is called by: these are not fused into another.
        self._seen = {
            self._find_own(operation) for operation in operations if _is_forward_convolution(operation)
        }

    def describe(self, operation: Operation) -> dict[str, Any]:
        """Its ``layer``, empty where none is known, its ``kind``, and whether its name says that at all."""
        layer, kind = self._find_own(operation), REST
        if _is_convolution(operation.name):
            layer, kind = self._find_convolution(layer), CONVOLUTION
        elif layer:
            kind = classify_layer(self._layers[layer].kind)
        return {"layer": layer, "kind": kind, "is_told": bool(_TELLING.search(operation.name))}

    def _find_own(self, operation: Operation) -> str:
        layer = find_layer(operation.place, self._scopes)
        return layer if layer in self._layers else ""

    def _find_convolution(self, layer: str) -> str:
        """The convolution that was fused into an operation of ``layer``; empty where it is not clear.

        Of several ways back, as from an addition, the one to a convolution that no other operation has.
        """
        if not layer or classify_layer(self._layers[layer].kind) == CONVOLUTION:
            return layer
        reached = self._reach_convolutions(layer)
        unseen = [name for name in reached if name not in self._seen]
        clear = unseen if len(unseen) == 1 else reached
        return clear[0] if len(clear) == 1 else ""

    def _reach_convolutions(self, layer: str) -> list[str]:
        """The first convolutions on all ways back from ``layer``."""
        found, visited, waiting = [], {layer}, [layer]
        while waiting:
            for name in self._layers[waiting.pop()].inputs:
                if name in visited or name not in self._layers:
                    continue
                visited.add(name)
                if classify_layer(self._layers[name].kind) == CONVOLUTION:
                    found.append(name)
                else:
                    waiting.append(name)
        return found


def _is_forward_convolution(operation: Operation) -> bool:
    is_gradient = _GRADIENT in operation.place or "Backprop" in operation.name
    return _is_convolution(operation.name) and not is_gradient


def _is_convolution(operation: str) -> bool:
    """Whether an operation, as its framework calls it, is a convolution or a gradient of one."""
    return bool(_CONVOLUTIONS.search(operation))


def _change_layers(layers: Sequence[FoundLayer], converted: Collection[str]) -> list[FoundLayer]:
    """The layers as they are in a variant: what a changed one took out does nothing any more."""
    taken_out = {name for layer in layers if layer.name in converted for name in layer.absorbs}
    return [replace(layer, kind="Activation") if layer.name in taken_out else layer for layer in layers]


def _sum_by(table: pd.DataFrame, column: str) -> dict[str, float]:
    """Seconds a step by what ``column`` holds."""
    return {name: float(seconds) for name, seconds in table.groupby(column)["seconds_a_step"].sum().items()}
