"""Which layer reads whose output, and whether anything in front of it is trained.

Keras's graph says so of Functional and Sequential models. In all others, whose ``call`` is code of its own,
a tensor is known by its identity from the call that returned it to the call that is given it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.networks.structure.graph import Graph, read_graph
from bench.networks.walking import Place


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer or container. The tensors are kept, so that no two of them share an id."""

    path: str
    layer: Any
    inputs: Sequence[Any]
    outputs: Sequence[Any]


@dataclass
class Links:
    """What is known of a network's leaf layers, by path."""

    #: The layers whose output it reads.
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: One a call in a graph: whether anything that is trained lies in front of it.
    trained_before: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, path: str, origin: _Origin) -> None:
        self.inputs[path] = tuple(dict.fromkeys((*self.inputs.get(path, ()), *origin.layers)))


@dataclass(frozen=True)
class _Origin:
    """Where a tensor comes from: the layers that made it, and whether it depends on anything trained."""

    layers: tuple[str, ...] = ()
    is_trained: bool = False


_OUTSIDE = _Origin()


def find_links(model: Any, places: Iterable[Place], calls: Sequence[LayerCall]) -> Links:
    """The links between the leaf layers of ``model``, whose ``calls`` came in this order."""
    links = Links()
    known = {id(place.layer): place for place in places}
    graph = read_graph(model)
    if graph:
        _follow_graph(graph, [], known, calls, links)
    else:
        inside = [call for call in calls if not known[id(call.layer)].is_container]
        _follow_tensors(inside, {}, links)
    return links


def _follow_graph(
    graph: Graph,
    given: Sequence[_Origin],
    known: Mapping[int, Place],
    calls: Sequence[LayerCall],
    links: Links,
) -> list[_Origin]:
    """The origins of the graph's outputs, with ``given`` for its inputs; adds its layers to ``links``."""
    origins = dict(zip(graph.inputs, given, strict=False))
    for call in graph.calls:
        came = [origins.get(tensor, _OUTSIDE) for tensor in call.reads]
        joined = _join(came)
        place = known.get(id(call.operation))
        inner = read_graph(call.operation) if place and place.is_container else None
        if inner:
            made = _follow_graph(inner, came, known, calls, links)
        elif place:
            made = [_follow_call(place, joined, known, calls, links)] * len(call.writes)
        else:
            made = [joined] * len(call.writes)
        origins.update(zip(call.writes, made, strict=False))
    return [origins.get(tensor, _OUTSIDE) for tensor in graph.outputs]


def _follow_call(
    place: Place, came: _Origin, known: Mapping[int, Place], calls: Sequence[LayerCall], links: Links
) -> _Origin:
    """The origin of what a leaf, or a container whose call is its own code, makes of what ``came``."""
    is_trained = came.is_trained or bool(place.layer.trainable_weights)
    if not place.is_container:
        links.add(place.path, came)
        links.trained_before.setdefault(place.path, []).append(came.is_trained)
        return _Origin((place.path,), is_trained)
    inside = [
        call
        for call in calls
        if call.path.startswith(f"{place.path}/") and not known[id(call.layer)].is_container
    ]
    whole = next((call for call in calls if call.path == place.path), None)
    given = {id(tensor): came for tensor in (whole.inputs if whole else ())}
    origins = _follow_tensors(inside, given, links)
    made = [origins[id(tensor)] for tensor in (whole.outputs if whole else ()) if id(tensor) in origins]
    # What it computes behind its last layer comes from there, as far as can be seen.
    layers = _join(made).layers or tuple(call.path for call in inside[-1:]) or came.layers
    return _Origin(layers, is_trained)


def _follow_tensors(
    calls: Sequence[LayerCall], given: Mapping[int, _Origin], links: Links
) -> dict[int, _Origin]:
    """The origins of all tensors that leaf layers returned, by id; adds the layers to ``links``."""
    origins = dict(given)
    for call in calls:
        links.add(call.path, _join([origins.get(id(tensor), _OUTSIDE) for tensor in call.inputs]))
        origins.update((id(tensor), _Origin((call.path,))) for tensor in call.outputs)
    return origins


def _join(origins: Sequence[_Origin]) -> _Origin:
    layers = dict.fromkeys(layer for origin in origins for layer in origin.layers)
    return _Origin(tuple(layers), any(origin.is_trained for origin in origins))
