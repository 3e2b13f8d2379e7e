"""From a network to its layers: what each of them is, what it costs, and what it can become."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.contract.cases import ConvCase
from bench.contract.networks import DENSE, SEPARABLE, FoundLayer
from bench.contract.printable import make_printable
from bench.networks.blocks import describe_block, find_block
from bench.networks.comparisons import CASE_LAYERS, create_case
from bench.networks.converting import ConversionError, convert, create_replacement
from bench.networks.inputs import draw_inputs
from bench.networks.loading import Network
from bench.networks.sources.errors import ModelError, describe_error
from bench.networks.structure.counting import count_multiplications, count_parameters
from bench.networks.structure.graph import read_graph
from bench.networks.structure.links import LayerCall, Links, find_links
from bench.networks.walking import CONVOLUTIONS, Place, list_classes, walk, watch_calls

#: What TensorFlow puts before the words of an error.
_OPERATION = re.compile(r"\{\{[^}]*\}\} ?")


@dataclass(frozen=True)
class _Run:
    """One pass of a network, and what was seen of it."""

    network: Network
    #: The batch of this pass.
    batch: int
    places: tuple[Place, ...]
    #: The calls of each leaf layer, by path in the order in which layers are first called.
    calls: dict[str, list[LayerCall]]
    links: Links

    def scale(self, size: int) -> int:
        """What is ``size`` for this pass's batch, for the network's own."""
        return size * self.network.batch // self.batch


def find_layers(network: Network, mode: str, device: str) -> tuple[FoundLayer, ...]:
    """The layers of ``network`` in the order in which it calls them, of a run without training.

    ``mode`` and ``device`` become those of the cases. Layers that are not called are left out. Raises
    ``ModelError`` where the network does not run here, or has no convolution.
    """
    run = _run_once(network)
    places = {place.path: place for place in run.places}
    if not any(isinstance(places[path].layer, list_classes(CONVOLUTIONS)) for path in run.calls):
        raise ModelError(f"{network.name} has no convolution")
    found = [_describe_layer(run, places[path], mode, device) for path in run.calls]
    return tuple(_share_blocks(_keep_uncopyable(network, found), places))


def _run_once(network: Network) -> _Run:
    """Run ``network`` as in inference, and note the calls of its layers."""
    tensors = getattr(network.keras_model, "inputs", None) or ()
    batches = (network.batch,) if any(tensor.shape[0] for tensor in tensors) else (1, 2)
    # What is not built yet is built by the first call, which would count its layers twice.
    _watch_call(network, batches[0])
    # A model that compiles itself runs its layers' code for the first input of a shape, and then no more.
    for batch in batches:
        calls = _watch_call(network, batch)
        if calls:
            break
    else:
        raise ModelError(f"no layer of {network.name} is seen at work: it may be compiled as one function")
    places = tuple(walk(network.keras_model))
    leaves = {place.path for place in places if not place.is_container}
    by_path: dict[str, list[LayerCall]] = {}
    for call in calls:
        if call.path in leaves:
            by_path.setdefault(call.path, []).append(call)
    return _Run(network, batch, places, by_path, find_links(network.keras_model, places, calls))


def _watch_call(network: Network, batch: int) -> list[LayerCall]:
    """The calls of layers and containers in one call of ``network`` with random inputs."""
    calls: list[LayerCall] = []
    try:
        inputs = draw_inputs(network, batch)
        with watch_calls(network.keras_model, lambda *call: calls.append(LayerCall(*call))):
            network.keras_model(inputs, training=False)
    except Exception as error:  # of the user's layers, or of the framework
        raise ModelError(f"{network.name} does not run here: {_quote(error)}") from error
    tensors = [tensor for call in calls for tensor in (*call.inputs, *call.outputs)]
    if any(size is None for tensor in tensors for size in tensor.shape):
        raise ModelError(f"{network.name} has layers that do not say the sizes of what they are called with")
    return calls


def _quote(error: Exception) -> str:
    return _OPERATION.sub("", describe_error(error))


def _describe_layer(run: _Run, place: Place, mode: str, device: str) -> FoundLayer:
    """What was seen of the layer at ``place``, and what it can become."""
    calls = run.calls[place.path]
    found = FoundLayer(
        name=place.path,
        kind=type(place.layer).__name__,
        calls=len(calls),
        input_shape="x".join(str(size) for shape in _list_shapes(calls[0].inputs)[:1] for size in shape[1:]),
        parameters=count_parameters(place.layer),
        multiplications=run.scale(sum(_count_call(call) for call in calls)),
        output_elements=run.scale(
            sum(math.prod(shape) for call in calls for shape in _list_shapes(call.outputs))
        ),
        inputs=run.links.inputs.get(place.path, ()),
    )
    if not _is_larger_convolution(place.layer):
        return found
    try:
        _refuse_unchangeable(place)
        if found.kind in CASE_LAYERS:
            return _describe_change(run, place, found, mode, device)
        return _describe_block(run, place, found, mode, device)
    except ValueError as error:  # a ConversionError, or of a case that does not exist
        return dataclasses.replace(found, reason=make_printable(str(error), keep=""))


def _is_larger_convolution(layer: Any) -> bool:
    """Whether it is a convolution over more than 1x1."""
    if not isinstance(layer, list_classes(CONVOLUTIONS)):
        return False
    return any(size > 1 for size in getattr(layer, "kernel_size", None) or layer.cell.kernel_size)


def _refuse_unchangeable(place: Place) -> None:
    """Raise for a convolution that must stay, whatever its sizes are."""
    layer, kind = place.layer, type(place.layer).__name__
    for container in place.within:
        if read_graph(container) is None:
            if container is place.within[0]:
                raise ConversionError("the model is subclassed: its own call decides which layers run")
            raise ConversionError(f"it lies in {type(container).__name__}, whose call is its own code")
    if type(layer) not in list_classes(CONVOLUTIONS):
        raise ConversionError(f"{kind} is a class of its own")
    if kind not in (*CASE_LAYERS, "DepthwiseConv1D", "DepthwiseConv2D"):
        raise ConversionError(f"there is no separable {kind}")
    groups = getattr(layer, "groups", 1)
    # In Keras 2 a depthwise layer has as many groups as channels.
    if groups != 1 and not kind.startswith("Depthwise"):
        raise ConversionError(f"groups={groups}: the other layer has no groups")
    _refuse_frozen(place, "it")


def _refuse_frozen(place: Place, name: str) -> None:
    frozen = not all(layer.trainable for layer in (*place.within, place.layer))
    if frozen and place.layer.weights:
        raise ConversionError(
            f"{name} is frozen (trainable=False), and its replacement would have new weights"
        )


def _describe_change(run: _Run, place: Place, found: FoundLayer, mode: str, device: str) -> FoundLayer:
    """``found``, a convolution or a separable one, with what it becomes."""
    calls = run.calls[place.path]
    return dataclasses.replace(
        found,
        becomes=DENSE if found.kind.startswith("Separable") else SEPARABLE,
        cases=_create_cases(run, place, None, mode, device),
        **_count_replacement(run, (place,), calls, calls),
    )


def _describe_block(run: _Run, place: Place, found: FoundLayer, mode: str, device: str) -> FoundLayer:
    """``found``, a depthwise layer, with what it becomes together with its 1x1 convolution."""
    behind = find_block(place, run.places, {path: len(calls) for path, calls in run.calls.items()})
    for other in behind:
        _refuse_frozen(other, f"{other.path}, which is behind it,")
    calls, last_calls = run.calls[place.path], run.calls[behind[-1].path]
    if run.scale(_list_shapes(calls[0].inputs)[0][0]) != run.network.batch:
        raise ConversionError("its batch is not the network's")
    return dataclasses.replace(
        found,
        becomes=DENSE,
        absorbs=tuple(other.path for other in behind),
        cases=_create_cases(run, place, behind[-1].layer, mode, device),
        block=place.path,
        **_count_replacement(run, (place, behind[-1]), calls, last_calls),
    )


def _create_cases(run: _Run, place: Place, pointwise: Any, mode: str, device: str) -> tuple[ConvCase, ...]:
    """The layer at ``place`` alone, or as one with the ``pointwise`` layer behind it, once a call."""
    calls = run.calls[place.path]
    trained = run.links.trained_before.get(place.path, [])
    if len(trained) != len(calls):
        trained = [True] * len(calls)
    cases = []
    for call, is_trained in zip(calls, trained, strict=True):
        batch, *shape = _list_shapes(call.inputs)[0]
        sizes = (run.scale(batch), *shape)
        options = {"mode": mode, "device": device, "input_gradient": is_trained}
        cases.append(create_case(place.layer, sizes, pointwise, **options))
    return tuple(cases)


def _count_replacement(
    run: _Run, replaced: Sequence[Place], first: Sequence[LayerCall], last: Sequence[LayerCall]
) -> dict[str, int]:
    """What a network has of the layer that takes the place of those ``replaced``.

    It has the inputs of the calls ``first`` and the outputs of the calls ``last``. Raises
    :class:`ConversionError` where it does not run: some frameworks refuse some settings.
    """
    multiplications = 0
    try:
        replacement = create_replacement(*(place.layer for place in replaced))
        for before, after in zip(first, last, strict=True):
            inputs, outputs = _list_shapes(before.inputs)[0], _list_shapes(after.outputs)[0]
            made = _list_shapes([replacement(np.zeros((1, *inputs[1:]), np.float32))])[0]
            if made[1:] != outputs[1:]:
                raise ConversionError("its replacement returns another shape")
            multiplications += count_multiplications(replacement, [inputs], [outputs])
    except ConversionError:
        raise
    except Exception as error:  # whatever the framework says of this combination
        raise ConversionError(f"its replacement does not run: {_quote(error)}") from error
    return {
        "parameters_after": count_parameters(replacement),
        "multiplications_after": run.scale(multiplications),
    }


def _count_call(call: LayerCall) -> int:
    return count_multiplications(call.layer, _list_shapes(call.inputs), _list_shapes(call.outputs))


def _list_shapes(tensors: Iterable[Any]) -> list[tuple[int, ...]]:
    return [tuple(int(size) for size in tensor.shape) for tensor in tensors]


def _keep_uncopyable(network: Network, found: Sequence[FoundLayer]) -> list[FoundLayer]:
    """``found``, with nothing to change where Keras cannot copy the network."""
    if not any(layer.becomes for layer in found):
        return list(found)
    try:
        convert(network, (), found)
    except ConversionError as error:
        reason = make_printable(str(error), keep="")
        return [_keep(layer, reason) if layer.becomes else layer for layer in found]
    return list(found)


def _keep(layer: FoundLayer, reason: str) -> FoundLayer:
    """``layer`` as one that cannot be changed."""
    nothing = {"parameters_after": None, "multiplications_after": None}
    return dataclasses.replace(
        layer, becomes=None, absorbs=(), cases=(), block=None, reason=reason, **nothing
    )


def _share_blocks(found: Iterable[FoundLayer], places: dict[str, Place]) -> list[FoundLayer]:
    """``found``, with equal blocks known by the name of the first of them."""
    first: dict[str, str] = {}
    shared = []
    for layer in found:
        if layer.block:
            parts = [places[name].layer for name in (layer.name, *layer.absorbs)]
            block = first.setdefault(describe_block(parts, layer.input_shape), layer.name)
            layer = dataclasses.replace(layer, block=block)
        shared.append(layer)
    return shared
