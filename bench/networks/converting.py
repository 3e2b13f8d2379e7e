"""A copy of a network with some of its layers changed; what it is made from stays as it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from bench.contract.cases import CAUSAL
from bench.contract.networks import FoundLayer
from bench.contract.printable import quote
from bench.networks.loading import Network
from bench.networks.sources.errors import describe_error
from bench.networks.structure.graph import read_graph
from bench.networks.walking import list_layers, walk
from bench.workloads.layers import SEED


class ConversionError(ValueError):
    """One sentence about why a layer or a model cannot be changed."""


def convert(network: Any, names: Collection[str], found: Iterable[FoundLayer]) -> Any:
    """A new Keras model: ``network``, or a Keras model, with exactly the layers ``names`` changed.

    ``found`` says what they become. All others keep their weights; new ones are random, but the same in every
    process. Names of layers stay. Raises :class:`ConversionError`.
    """
    import keras

    model = getattr(network, "keras_model", network)
    if read_graph(model) is None:
        raise ConversionError("the model is subclassed: its own call decides which layers run")
    changes = _list_changes(model, names, found)
    keras.utils.set_random_seed(SEED)
    copies: dict[int, tuple[Any, Any]] = {}
    try:
        copy = _copy_model(model, changes, copies)
        _copy_trainable(model, copy)
        for layer, its_copy in copies.values():
            if id(layer) not in changes and isinstance(layer, keras.layers.Layer) and not read_graph(layer):
                _copy_state(layer, its_copy)
    except ConversionError:
        raise
    except Exception as error:  # whatever Keras, or a layer of the user's, makes of being copied
        raise ConversionError(f"Keras cannot copy this model: {describe_error(error)}") from error
    return copy


def build_variant(network: Network, names: Collection[str], found: Sequence[FoundLayer]) -> Any:
    """The Keras model with the layers ``names`` changed: a copy, also where none is.

    Training changes a model's state, and the user's own shall stay as it is. A model that cannot be copied,
    of which nothing can be changed, is given itself.
    """
    try:
        return convert(network, names, found)
    except ConversionError:
        if names:
            raise
        return network.keras_model


#: Makes the layer that takes another's place.
_Create = Callable[[], Any]


def _list_changes(model: Any, names: Collection[str], found: Iterable[FoundLayer]) -> dict[int, _Create]:
    """What takes the place of each layer that changes, by the layer's id."""
    layers, known = list_layers(model), {layer.name: layer for layer in found}
    changes: dict[int, _Create] = {}
    for name in names:
        if name not in layers or name not in known or not known[name].becomes:
            raise ConversionError(f"there is no layer {quote(name)} that can be changed")
        layer, absorbed = layers[name], [layers[other] for other in known[name].absorbs]
        changes[id(layer)] = _prepare(create_replacement, layer, *absorbed[-1:])
        changes.update((id(other), _prepare(_create_nothing, other)) for other in absorbed)
    return changes


def _prepare(create: Callable[..., Any], *layers: Any) -> _Create:
    return lambda: create(*layers)


def _copy_model(model: Any, changes: dict[int, _Create], copies: dict[int, tuple[Any, Any]]) -> Any:
    """A copy of a Functional or Sequential model; ``copies`` gets every part and its copy, by the part's id.

    Keras copies models inside models as they are, so each is copied here by itself.
    """
    import keras

    def copy_part(part: Any) -> Any:
        if id(part) not in copies:
            copies[id(part)] = part, create_copy(part)
        return copies[id(part)][1]

    def create_copy(part: Any) -> Any:
        if id(part) in changes:
            return changes[id(part)]()
        return _copy_model(part, changes, copies) if read_graph(part) else copy_layer(part)

    def call_part(part: Any, *args: Any, **options: Any) -> Any:
        # What stands where a normalisation stood is not told its mask.
        return part(*args) if isinstance(part, keras.layers.Activation) else part(*args, **options)

    # Keras 3 remembers what each layer was called with.
    is_called = "call_function" in inspect.signature(keras.models.clone_model).parameters
    settings = {"call_function": call_part} if is_called and not isinstance(model, keras.Sequential) else {}
    return keras.models.clone_model(model, clone_function=copy_part, **settings)


def copy_layer(layer: Any) -> Any:
    """A new layer of the same configuration, with weights of its own."""
    return type(layer).from_config(layer.get_config())


def _copy_trainable(model: Any, copy: Any) -> None:
    """Make what is frozen in ``model`` frozen in its ``copy``."""
    places, new_places = walk(model), walk(copy)
    if len(places) != len(new_places):
        raise ConversionError("Keras cannot copy this model: its copy has other layers")
    pairs = [(model, copy), *zip((p.layer for p in places), (p.layer for p in new_places), strict=True)]
    # Containers come first: what is set of one is set of all that it holds.
    for layer, its_copy in pairs:
        if its_copy.trainable != layer.trainable:
            its_copy.trainable = layer.trainable


def _copy_state(layer: Any, copy: Any) -> None:
    """Give ``copy`` the weights of ``layer``, and what it computes of them once."""
    copy.set_weights(layer.get_weights())
    if hasattr(copy, "finalize_state"):  # of layers that learn from data before training
        copy.finalize_state()


def create_replacement(layer: Any, pointwise: Any = None) -> Any:
    """The layer that takes the place of ``layer``: dense for separable, separable for dense.

    With ``pointwise``, ``layer`` is a depthwise one, and the result is dense and does the work of both. It
    has the name of ``layer``, and what its weights are told where that fits. Raises :class:`ConversionError`
    where this Keras has no such layer.
    """
    import keras

    kind = type(layer).__name__
    if pointwise is not None:
        options = _list_options(layer, pointwise)
        kernel = _list_kernel_options(pointwise, "kernel", ("kernel",))
        return getattr(keras.layers, kind.replace("Depthwise", ""))(**options, **kernel)
    options = _list_options(layer, layer)
    if kind.startswith("Separable"):
        kernel = _list_kernel_options(layer, "pointwise", ("kernel",))
        return getattr(keras.layers, kind.replace("Separable", ""))(**options, **kernel)
    kernel = _list_kernel_options(layer, "kernel", ("depthwise", "pointwise"))
    try:
        return getattr(keras.layers, f"Separable{kind}")(**options, **kernel)
    except ValueError as error:
        if layer.padding != CAUSAL:
            raise
        # Keras 3 says which paddings there are, in another order in every process.
        sentence = f"Keras {keras.__version__} has no Separable{kind} with padding {CAUSAL!r}"
        raise ConversionError(sentence) from error


def _create_nothing(layer: Any) -> Any:
    """A layer of the name of ``layer`` that returns what it is given."""
    import keras

    return keras.layers.Activation("linear", name=layer.name, dtype=layer.dtype_policy)


def _list_options(first: Any, last: Any) -> dict[str, Any]:
    """What the window of a layer is told by ``first``, and its output by ``last``."""
    return {
        "name": first.name,
        "kernel_size": first.kernel_size,
        "strides": first.strides,
        "padding": first.padding,
        "dilation_rate": first.dilation_rate,
        "data_format": first.data_format,
        "filters": last.filters,
        "activation": _copy_activation(last.activation),
        "use_bias": last.use_bias,
        "bias_initializer": last.bias_initializer,
        "bias_regularizer": last.bias_regularizer,
        "bias_constraint": last.bias_constraint,
        "activity_regularizer": last.activity_regularizer,
        "dtype": last.dtype_policy,
    }


def _list_kernel_options(layer: Any, kernel: str, new_kernels: Sequence[str]) -> dict[str, Any]:
    """How the kernels of the new layer are drawn and held, as the ``kernel`` of the old one is."""
    options = {}
    for new in new_kernels:
        for what in ("regularizer", "constraint"):
            options[f"{new}_{what}"] = getattr(layer, f"{kernel}_{what}")
        initializer = getattr(layer, f"{kernel}_initializer")
        if _fits_any_shape(initializer):
            options[f"{new}_initializer"] = copy_layer(initializer)
    return options


def _fits_any_shape(initializer: Any) -> bool:
    """Whether it is one that draws, which Keras's own do for every shape."""
    return type(initializer).__module__.partition(".")[0] == "keras" and "seed" in initializer.get_config()


def _copy_activation(activation: Any) -> Any:
    """A function as it is; a layer, which may have weights, as a new one."""
    import keras

    return copy_layer(activation) if isinstance(activation, keras.layers.Layer) else activation
