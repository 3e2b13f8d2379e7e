"""From the layers of a network to the comparisons that they are measured alone by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from bench.contract.cases import FIELDS, ConvCase
from bench.contract.networks import FoundLayer
from bench.plan.comparisons import Shape

#: What Keras calls the layers that a case can be.
CASE_LAYERS = {
    "Conv1D": "conv1d",
    "Conv2D": "conv2d",
    "SeparableConv1D": "separable_conv1d",
    "SeparableConv2D": "separable_conv2d",
}
#: Whose functions are what their names say, where Keras has one of that name.
_FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")


def create_case(
    layer: Any,
    input_shape: Sequence[int],
    pointwise: Any = None,
    *,
    mode: str,
    device: str,
    input_gradient: bool,
) -> ConvCase:
    """The training of a Keras ``layer`` alone, on an input of this shape, batch included.

    With ``pointwise``, ``layer`` is a depthwise one, and the case the separable layer that both would be. An
    activation that is no function of Keras's is left out: its time is the same in both layers of the
    comparison. Raises ``ValueError`` where no such case exists.
    """
    last = layer if pointwise is None else pointwise
    first = layer.data_format == "channels_first"
    batch, channels = input_shape[0], input_shape[1 if first else -1]
    spatial = tuple(input_shape[2:] if first else input_shape[1:-1])
    height, width = _widen(spatial)
    return ConvCase(
        layer=CASE_LAYERS[type(layer).__name__.replace("Depthwise", "Separable")],
        direction="train",
        input_gradient=input_gradient,
        mode=mode,
        device=device,
        dtype=layer.compute_dtype,
        batch=batch,
        height=height,
        width=width,
        in_channels=channels,
        filters=last.filters,
        kernel_size=_widen(layer.kernel_size),
        strides=_widen(layer.strides),
        padding=layer.padding,
        dilation_rate=_widen(layer.dilation_rate),
        depth_multiplier=getattr(layer, "depth_multiplier", None) or 1,
        data_format=layer.data_format,
        activation=_name_activation(last.activation),
        use_bias=bool(last.use_bias),
    )


def _widen(sizes: Sequence[int]) -> tuple[int, int]:
    """Sizes of one axis as those of two, the first of which is 1."""
    height, width = (1, *sizes) if len(sizes) == 1 else sizes
    return int(height), int(width)


def _name_activation(activation: Any) -> str | None:
    """Keras's name of ``activation``; ``None`` where it does nothing, or is the user's own."""
    import keras

    name = getattr(activation, "__name__", "")
    owner = (getattr(activation, "__module__", None) or "").partition(".")[0]
    is_known = owner in _FRAMEWORKS and callable(getattr(keras.activations, name, None))
    return name if is_known and name != "linear" else None


def list_shapes(layers: Iterable[FoundLayer], mode: str, device: str) -> tuple[Shape, ...]:
    """What the changeable ones of ``layers`` are compared by in ``mode`` on ``device``: equal ones once.

    A shape is called after its layers. It compares the dense and the separable layer, whichever of them is in
    the network. Blocks are left out: they are measured as they are.
    """
    names: dict[ConvCase, list[str]] = {}
    for layer in layers:
        for case in layer.cases if layer.becomes and not layer.block else ():
            dense = "conv1d" if case.is_1d else "conv2d"
            case = dataclasses.replace(case, layer=dense, mode=mode, device=device)
            names.setdefault(case, []).append(layer.name)
    return tuple(_create_shape(case, tuple(dict.fromkeys(of_layers))) for case, of_layers in names.items())


def _create_shape(case: ConvCase, names: Sequence[str]) -> Shape:
    # The direction is the user's choice, as of every shape.
    fields = {name: getattr(case, name) for name in FIELDS if name not in ("layer", "direction")}
    name = names[0] if len(names) == 1 else f"{names[0]} + {len(names) - 1} more"
    return Shape(fields, name=name, is_1d=case.is_1d, control=True)
