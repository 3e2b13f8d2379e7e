"""The graph that Keras keeps of a Functional or Sequential model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.networks.walking import list_tensors


@dataclass(frozen=True)
class GraphCall:
    """A call in a graph: what was called, and the ids of the tensors that it reads and writes."""

    #: A layer; in Keras 3 perhaps an operation that is none, such as an addition.
    operation: Any
    reads: tuple[int, ...]
    writes: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The calls of a model in the order in which it makes them; inputs and outputs are ids of tensors."""

    calls: tuple[GraphCall, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_graph(container: Any) -> Graph | None:
    """The graph by which ``container`` runs; ``None`` where its ``call`` is code of its own."""
    # In Keras 3 a Sequential model has a Functional one inside, in Keras 2 it is one.
    functional = getattr(container, "_functional", None) or container
    nodes_by_depth = getattr(functional, "_nodes_by_depth", None)
    if not nodes_by_depth or not _is_called_as_keras_wrote(container):
        return None
    nodes = [node for depth in sorted(nodes_by_depth, reverse=True) for node in nodes_by_depth[depth]]
    return Graph(
        calls=tuple(_read_node(node) for node in nodes if not node.is_input),
        inputs=_list_ids(functional.inputs),
        outputs=_list_ids(functional.outputs),
    )


def _is_called_as_keras_wrote(model: Any) -> bool:
    """Whether the class that ``model`` has its ``call`` from is one of Keras's."""
    owner = next(kind for kind in type(model).__mro__ if "call" in vars(kind))
    return owner.__module__.partition(".")[0] == "keras"


def _read_node(node: Any) -> GraphCall:
    """A node, which Keras 2 and Keras 3 write differently."""
    is_keras_2 = hasattr(node, "keras_inputs")
    return GraphCall(
        operation=node.layer if is_keras_2 else node.operation,
        reads=_list_ids(node.keras_inputs if is_keras_2 else node.input_tensors),
        writes=_list_ids(node.outputs),
    )


def _list_ids(tensors: Any) -> tuple[int, ...]:
    return tuple(id(tensor) for tensor in list_tensors(tensors))
