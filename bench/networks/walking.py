"""The layers of a Keras model by their paths, and watching what they are called with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.contract.printable import make_printable

#: Keras's convolutions. They are single layers, though an activation may be a layer inside them.
CONVOLUTIONS = tuple(
    f"{name}{rank}D{suffix}"
    for name, suffix, ranks in (
        ("Conv", "", (1, 2, 3)),
        ("SeparableConv", "", (1, 2)),
        ("DepthwiseConv", "", (1, 2)),
        ("Conv", "Transpose", (1, 2, 3)),
        ("ConvLSTM", "", (1, 2, 3)),
    )
    for rank in ranks
)
#: Longer paths are cut: a result file holds them.
_LONGEST_PATH = 900

#: Given a path, the layer, and the tensors that it was called with and returned.
Note = Callable[[str, Any, Sequence[Any], Sequence[Any]], None]


@dataclass(frozen=True)
class Place:
    """A layer of a network, and where it lies."""

    #: The names of the containers below the root, and its own: ``encoder/conv1``. No two places share one.
    path: str
    layer: Any
    #: The containers that it lies in, from the root on.
    within: tuple[Any, ...]
    #: Whether it is a model or a layer that holds layers; all others are leaves.
    is_container: bool


def walk(model: Any) -> list[Place]:
    """Every layer and container below ``model``, each container before what it holds.

    A layer that is met twice has its first path. ``InputLayer`` is left out.
    """
    return list(_walk_below(model, "", (model,), seen=set(), paths=set()))


def list_layers(model: Any) -> dict[str, Any]:
    """Every leaf layer of ``model`` by its path."""
    return {place.path: place.layer for place in walk(model) if not place.is_container}


def _walk_below(
    container: Any, prefix: str, within: tuple[Any, ...], seen: set[int], paths: set[str]
) -> Iterator[Place]:
    """What lies in ``container``. ``seen`` holds the ids of layers met so far, ``paths`` their paths."""
    import keras

    for layer in _list_held(container):
        if id(layer) in seen or isinstance(layer, keras.layers.InputLayer):
            continue
        seen.add(id(layer))
        path = _make_unique(prefix + layer.name, paths)
        paths.add(path)
        is_container = _is_container(layer)
        yield Place(path, layer, within, is_container)
        if is_container:
            yield from _walk_below(layer, f"{path}/", (*within, layer), seen, paths)


def _list_held(layer: Any) -> list[Any]:
    """The layers directly inside ``layer``. Keras has a public name for them only in models."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def _is_container(layer: Any) -> bool:
    """Whether what happens inside ``layer`` is the business of other layers.

    A recurrent layer runs its cell in a loop of its own, which a call of the cell does not show.
    """
    import keras

    return not isinstance(layer, (*list_classes(CONVOLUTIONS), keras.layers.RNN)) and bool(_list_held(layer))


def list_classes(names: Sequence[str]) -> tuple[type, ...]:
    """The classes ``keras.layers`` has of these names."""
    import keras

    return tuple(getattr(keras.layers, name) for name in names if hasattr(keras.layers, name))


def _make_unique(path: str, paths: set[str]) -> str:
    """``path`` as nothing in ``paths`` is called, with nothing in it that a terminal would obey."""
    path = make_printable(path, keep="")[:_LONGEST_PATH]
    unique, number = path, 1
    while unique in paths:
        number += 1
        unique = f"{path} ({number})"
    return unique


def list_tensors(structure: Any) -> list[Any]:
    """The tensors and arrays in lists, tuples and dictionaries, however deep, in their order."""
    if isinstance(structure, dict):
        # As Keras does: by key, whatever the order in which they came.
        return list_tensors([structure[key] for key in sorted(structure, key=str)])
    if isinstance(structure, list | tuple):
        return [tensor for part in structure for tensor in list_tensors(part)]
    return [structure] if hasattr(structure, "shape") and hasattr(structure, "dtype") else []


@contextmanager
def watch_calls(model: Any, note: Note) -> Iterator[None]:
    """While inside, ``note`` is given every call of a layer or container below ``model``, once it is over."""

    def wrap(place: Place, call: Callable) -> Callable:
        def watched(*args, **kwargs):
            outputs = call(*args, **kwargs)
            note(place.path, place.layer, list_tensors([args, kwargs]), list_tensors(outputs))
            return outputs

        return watched

    with _wrap_calls(model, wrap):
        yield


@contextmanager
def watch_scopes(model: Any, read_scope: Callable[[], str]) -> Iterator[dict[str, str]]:
    """What ``read_scope`` says inside each call, while inside: the path of the layer or container, by scope.

    Of two that share a scope, the inner one has it. Scopes that are empty are left out.
    """
    scopes: dict[str, str] = {}

    def wrap(place: Place, call: Callable) -> Callable:
        def watched(*args, **kwargs):
            scopes[read_scope()] = place.path
            return call(*args, **kwargs)

        return watched

    with _wrap_calls(model, wrap):
        yield scopes
    scopes.pop("", None)


@contextmanager
def _wrap_calls(model: Any, wrap: Callable[[Place, Callable], Callable]) -> Iterator[None]:
    """While inside, each layer below ``model`` has as its ``call`` what ``wrap`` makes of it.

    Keras looks ``call`` up on the layer itself. It is set past ``__setattr__``, with which Keras tracks what
    it saves.
    """
    places = walk(model)
    own_calls = [(place.layer, vars(place.layer).get("call")) for place in places]
    try:
        for place in places:
            object.__setattr__(place.layer, "call", wrap(place, place.layer.call))
        yield
    finally:
        for layer, own in own_calls:
            if own is not None:
                object.__setattr__(layer, "call", own)
            elif "call" in vars(layer):
                object.__delattr__(layer, "call")
