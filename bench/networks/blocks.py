"""Blocks: a depthwise layer with the 1x1 convolution behind it, which one dense convolution can replace."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.contract.networks import FoundLayer
from bench.networks.converting import ConversionError, copy_layer, create_replacement
from bench.networks.loading import Network
from bench.networks.structure.graph import Graph, read_graph
from bench.networks.walking import Place, list_classes, list_layers
from bench.workloads.layers import SEED

#: What may stand between the two: normalisation, activations, and what is only there in training.
_BETWEEN = (
    "Activation",
    "ActivityRegularization",
    "BatchNormalization",
    "Dropout",
    "ELU",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "LayerNormalization",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "ThresholdedReLU",
)


def find_block(depthwise: Place, places: Iterable[Place], calls: Mapping[str, int]) -> tuple[Place, ...]:
    """What stands behind ``depthwise``, up to its 1x1 convolution, all in the same model as it.

    ``calls`` says how often the network calls each path. Raises :class:`ConversionError` where there is no
    block, or one that cannot be changed.
    """
    graph = read_graph(depthwise.within[-1])
    if graph is None:  # callers look for blocks only where there is one
        raise ConversionError("its model has no graph")
    known = {id(place.layer): place for place in places}
    _refuse_repeated(depthwise, depthwise, calls)
    behind: list[Place] = []
    while True:
        reader = _find_only_reader(graph, behind[-1] if behind else depthwise, depthwise, known)
        _refuse_repeated(reader, depthwise, calls)
        behind.append(reader)
        if is_pointwise(reader.layer, depthwise.layer):
            return tuple(behind)
        if type(reader.layer) not in list_classes(_BETWEEN):
            kind = type(reader.layer).__name__
            raise ConversionError(f"there is no 1x1 convolution behind it, but {reader.path} ({kind})")


def _refuse_repeated(place: Place, depthwise: Place, calls: Mapping[str, int]) -> None:
    """Raise where the network calls ``place`` more than once."""
    times = calls.get(place.path, 1)
    if times > 1:
        name = "it" if place is depthwise else f"{place.path}, which is behind it,"
        raise ConversionError(f"the network calls {name} {times} times")


def _find_only_reader(graph: Graph, place: Place, depthwise: Place, known: Mapping[int, Place]) -> Place:
    """The one layer that reads the output of ``place``."""
    written = {tensor for call in graph.calls if call.operation is place.layer for tensor in call.writes}
    readers = [call.operation for call in graph.calls if written.intersection(call.reads)]
    is_output = bool(written.intersection(graph.outputs))
    output = "its output" if place is depthwise else f"the output of {place.path}, which is behind it"
    if len(readers) + is_output > 1:
        raise ConversionError(f"several layers read {output}")
    if not readers:
        raise ConversionError(f"no layer of its model reads {output}")
    if id(readers[0]) not in known:
        raise ConversionError(f"an operation outside of layers reads {output}")
    return known[id(readers[0])]


def is_pointwise(layer: Any, depthwise: Any) -> bool:
    """Whether ``layer`` is a 1x1 convolution that works on each pixel of the output of ``depthwise``."""
    import keras

    if type(layer) is not getattr(keras.layers, type(depthwise).__name__.replace("Depthwise", "")):
        return False
    ones = {*layer.kernel_size, *layer.strides, layer.groups} == {1}
    return ones and layer.data_format == depthwise.data_format


def build_block(network: Network, found: FoundLayer, *, dense: bool, training: bool) -> Any:
    """A Keras model of the block of ``found`` alone, as it is or dense, for the network's batch.

    ``training`` says whether its layers run as in training. Its weights are random, but the same in every
    process.
    """
    import keras

    layers = list_layers(network.keras_model)
    chain = [layers[name] for name in (found.name, *found.absorbs)]
    keras.utils.set_random_seed(SEED)
    shape = tuple(int(size) for size in found.input_shape.split("x"))
    inputs = keras.Input(shape, batch_size=network.batch, dtype=chain[0].compute_dtype)
    outputs = inputs
    for layer in [create_replacement(chain[0], chain[-1])] if dense else map(copy_layer, chain):
        takes_training = "training" in inspect.signature(layer.call).parameters
        outputs = layer(outputs, training=training) if takes_training else layer(outputs)
    return keras.Model(inputs, outputs)


def describe_block(layers: Sequence[Any], input_shape: str) -> str:
    """The same words for blocks that are equal but for the names of their layers and of what is in them."""
    told = [[type(layer).__name__, _remove_names(layer.get_config())] for layer in layers]
    return json.dumps([input_shape, told], sort_keys=True, default=str)


def _remove_names(config: Any) -> Any:
    if isinstance(config, Mapping):
        return {key: _remove_names(value) for key, value in config.items() if key != "name"}
    return [_remove_names(part) for part in config] if isinstance(config, list | tuple) else config
