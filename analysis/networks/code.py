"""The recommended changes of a network as code that makes them with plain Keras, of either generation.

The code holds the names of layers, and takes all else from the model that it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analysis.networks.network import MeasuredLayer, MeasuredNetwork
from bench.contract.networks import SEPARABLE

_HEAD = """\
# changed = change_layers(model)
# The changed layers have new weights: train them, and check the accuracy. All others keep theirs.
import inspect

import keras
"""
_MAKE_OTHER = """\
SHARED = (
    "name", "trainable", "dtype", "filters", "kernel_size", "strides", "padding", "data_format",
    "dilation_rate", "activation", "use_bias", "bias_initializer", "bias_regularizer",
    "activity_regularizer", "bias_constraint",
)


def make_other(layer, kind):
    config = layer.get_config()
    kept = {name: config[name] for name in SHARED}
    for what in ("initializer", "regularizer", "constraint"):
        if "Separable" in kind.__name__:
            kept["depthwise_" + what] = kept["pointwise_" + what] = config["kernel_" + what]
        else:
            kept["kernel_" + what] = config["pointwise_" + what]
    return kind.from_config(kept)
"""
_MAKE_DENSE = """\
OF_DEPTHWISE = ("name", "kernel_size", "strides", "padding", "data_format", "dilation_rate")


def make_dense(depthwise, pointwise):
    config = depthwise.get_config()
    kept = {name: config[name] for name in OF_DEPTHWISE}
    return type(pointwise).from_config({**pointwise.get_config(), **kept})


def call_layer(layer, *inputs, **options):
    # Keras 3 repeats each call: what stands where a normalisation stood takes no mask.
    return layer(*inputs) if isinstance(layer, keras.layers.Activation) else layer(*inputs, **options)
"""
_CHANGE_LAYERS = """\
def change_layers(model, prefix=""):
    def change(layer):
        path = prefix + layer.name
        if path in OTHER:
            return make_other(layer, OTHER[path])
        if path in BLOCKS:
            return make_dense(layer, model.get_layer(BLOCKS[path]))
        if path in GONE:
            same = {name: layer.get_config()[name] for name in ("name", "dtype")}
            return keras.layers.Activation.from_config({"activation": "linear", **same})
        if holds_changes(path):
            return change_layers(layer, path + "/")
        return type(layer).from_config(layer.get_config())

    options = {}
    known = inspect.signature(keras.models.clone_model).parameters
    if BLOCKS and "call_function" in known and not isinstance(model, keras.Sequential):
        options = {"call_function": call_layer}
    changed = keras.models.clone_model(model, clone_function=change, **options)
    if not changed.built:
        changed.build(model.input_shape)
    for layer in model.layers:
        path = prefix + layer.name
        if layer.weights and path not in {*OTHER, *BLOCKS, *GONE} and not holds_changes(path):
            changed.get_layer(layer.name).set_weights(layer.get_weights())
    return changed


def holds_changes(path):
    return any(one.startswith(path + "/") for one in (*OTHER, *BLOCKS))
"""


def write_code(network: MeasuredNetwork) -> str:
    """Python that makes the recommended changes of ``network``: a function from a model to the changed one.

    Empty where none is recommended, and where the network with them is not known to be faster.
    """
    if not network.is_proven:
        return ""
    changed = network.changed
    blocks = [layer for layer in changed if layer.found.absorbs]
    others = [layer for layer in changed if not layer.found.absorbs]
    parts = [
        _HEAD,
        "# What each layer becomes.\n" + _write_dictionary("OTHER", map(_write_other, others)),
        *(_write_blocks(blocks) if blocks else ["BLOCKS, GONE = {}, {}\n"]),
        *([f"{_MAKE_OTHER}\n"] if others else []),
        *([f"{_MAKE_DENSE}\n"] if blocks else []),
        _CHANGE_LAYERS,
    ]
    return "\n".join(parts)


def _write_blocks(blocks: Sequence[MeasuredLayer]) -> list[str]:
    gone = [f"{name!r}: {layer.found.name!r}" for layer in blocks for name in layer.found.absorbs]
    return [
        "# Each depthwise layer, and the pointwise layer that becomes one dense layer with it.\n"
        + _write_dictionary("BLOCKS", map(_write_block, blocks)),
        "# What goes, with which.\n" + _write_dictionary("GONE", gone),
    ]


def _write_dictionary(name: str, entries: Iterable[str]) -> str:
    """``NAME = {...}``, an entry a line."""
    lines = "".join(f"    {entry},\n" for entry in entries)
    return f"{name} = {{\n{lines}}}\n" if lines else f"{name} = {{}}\n"


def _write_other(layer: MeasuredLayer) -> str:
    # The class is put together here, since its name in a file could be any text.
    rank = 1 if "1D" in layer.found.kind else 2
    separable = "Separable" if layer.found.becomes == SEPARABLE else ""
    return f"{layer.found.name!r}: keras.layers.{separable}Conv{rank}D"


def _write_block(layer: MeasuredLayer) -> str:
    """The path of the depthwise layer, and the name of the pointwise layer, which lies beside it."""
    pointwise = layer.found.absorbs[-1].rpartition("/")[2]
    return f"{layer.found.name!r}: {pointwise!r}"
