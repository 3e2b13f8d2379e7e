"""From what the user named to a network that is built, and that says what it is called with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.printable import make_printable, quote
from bench.networks.sources.applications import PREFIX, build_application
from bench.networks.sources.errors import ModelError, describe_error
from bench.networks.sources.functions import build_from_code
from bench.networks.sources.saved_files import SUFFIXES, load_saved_model
from bench.workloads.layers import SEED

_LONGEST_NAME = 200
_EXAMPLE = "give --model-input, such as 96x96x3"


@dataclass(frozen=True)
class Network:
    """A Keras model that is built, and what it is called with."""

    #: Short, for titles: ``ResNet50``, the file's stem, or the module's name with the function's.
    name: str
    #: What the user wrote after ``--model``.
    model: str
    keras_model: Any
    batch: int
    #: Of every input, in the order of the model's inputs, without the batch.
    input_shapes: tuple[tuple[int, ...], ...]


def load_network(text: str, batch: int, input_shapes: Sequence[tuple[int, ...]], *, unsafe: bool) -> Network:
    """The network that ``text`` names, with weights and names of layers that are the same in every process.

    ``input_shapes`` are those of ``--model-input``, none where it was not given. Code in saved files is only
    run where ``unsafe``. Raises :class:`ModelError`.
    """
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    name, model = _get_model(text, input_shapes, unsafe=unsafe)
    if isinstance(model, keras.Sequential) and input_shapes and not _list_tensors(model, "inputs"):
        _build_sequential(model, input_shapes)
    shapes = _settle_shapes(model, batch, input_shapes)
    _refuse_unfit(model, shapes)
    return Network(make_printable(name, keep="")[:_LONGEST_NAME], text, model, batch, shapes)


def arrange_inputs(model: Any, values: Sequence[Any]) -> Any:
    """``values``, one an input in the model's order, in the structure that the model is called with.

    One input is its value alone, unless the model takes a dictionary.
    """
    tensors = _list_tensors(model, "inputs")
    structure = getattr(model, "input", None) if tensors else _read_built_shapes(model)
    leaves = _flatten(structure)
    single = len(values) == 1 and not isinstance(structure, Mapping)
    if single or not _is_nested(structure) or len(leaves) != len(values):
        return values[0] if len(values) == 1 else list(values)
    if tensors:
        positions = {id(tensor): position for position, tensor in enumerate(tensors)}
        values = [values[positions[id(leaf)]] for leaf in leaves]
    return _pack(structure, iter(values))


def list_input_types(model: Any, count: int) -> tuple[str, ...]:
    """What each of ``count`` inputs consists of, as NumPy names it.

    What an Embedding reads is integers, whatever it says. A model that does not say takes float32.
    """
    tensors = _list_tensors(model, "inputs")
    if not tensors:
        return ("float32",) * count
    kinds = [_name_type(tensor) for tensor in tensors]
    looked_up = _find_looked_up(model, tensors)
    return tuple(
        "int32" if "float" in kind and id(tensor) in looked_up else kind
        for tensor, kind in zip(tensors, kinds, strict=True)
    )


def _get_model(text: str, input_shapes: Sequence[tuple[int, ...]], *, unsafe: bool) -> tuple[str, Any]:
    """The name and the model of what ``text`` says."""
    if text.startswith(PREFIX):
        name = text.removeprefix(PREFIX)
        return name, build_application(name, input_shapes)
    if text.endswith(".py"):
        raise ModelError(f"{text} needs the name of a function in it: {text}:function")
    if text.lower().endswith(SUFFIXES) or os.path.isfile(text):
        return Path(text).stem, load_saved_model(Path(text), unsafe=unsafe)
    where, _, name = text.rpartition(":")
    is_module = bool(where) and all(part.isidentifier() for part in where.split("."))
    if not name.isidentifier() or not (is_module or where.endswith(".py")):
        raise ModelError(
            "--model must be a saved model (.keras, .h5), FILE.py:function, package.module:function or "
            f"{PREFIX}NAME, not {quote(text)}"
        )
    file_or_module = Path(where).stem if where.endswith(".py") else where.rpartition(".")[2]
    return f"{file_or_module}.{name}", build_from_code(where, name, input_shapes)


def _build_sequential(model: Any, input_shapes: Sequence[tuple[int, ...]]) -> None:
    """Build a Sequential of layers that do not say what they are given."""
    if len(input_shapes) > 1:
        raise ModelError(f"this model has 1 input, and --model-input gives {len(input_shapes)}")
    try:
        model.build((None, *input_shapes[0]))
    except Exception as error:  # whatever the layers say of such a shape
        raise ModelError(_describe_misfit(input_shapes, error)) from error


def _settle_shapes(model: Any, batch: int, given: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """The shape of every input without the batch, from the model and from what the user gave."""
    tensors = _list_tensors(model, "inputs")
    if not tensors:
        built = _flatten(_read_built_shapes(model))
        shapes = tuple(given) or tuple(tuple(shape[1:]) for shape in built)
        if not shapes or any(size is None for shape in shapes for size in shape):
            raise ModelError(f"this model's input size is not known: {_EXAMPLE}")
        return shapes
    if given and len(given) != len(tensors):
        plural = "s" if len(tensors) > 1 else ""
        raise ModelError(f"this model has {len(tensors)} input{plural}, and --model-input gives {len(given)}")
    declared = [tuple(tensor.shape) for tensor in tensors]
    for shape in declared:
        if shape and shape[0] not in (None, batch):
            raise ModelError(
                f"this model's batch is {shape[0]}, and not {batch}: give --model-batch {shape[0]}"
            )
    choices = given or [shape[1:] for shape in declared]
    return tuple(_settle_shape(shape[1:], chosen) for shape, chosen in zip(declared, choices, strict=True))


def _settle_shape(declared: tuple[int | None, ...], given: tuple[int | None, ...]) -> tuple[int, ...]:
    """``given``, where ``declared`` leaves it open."""
    if any(size is None for size in given):
        raise ModelError(f"this model's input size is not known ({_write(declared)}): {_EXAMPLE}")
    fits = len(given) == len(declared) and all(
        known in (None, size) for known, size in zip(declared, given, strict=True)
    )
    if not fits:
        raise ModelError(
            f"--model-input {_write(given)} contradicts the model, whose input is {_write(declared)}"
        )
    return given


def _refuse_unfit(model: Any, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raise for a network of which there is nothing to measure. What is not built is built by calling it."""
    for kind in list_input_types(model, len(shapes)):
        if not kind.startswith(("float", "bfloat", "int", "uint", "bool")):
            raise ModelError(f"this model has an input of type {kind}; inputs here are numbers")
    outputs = _list_tensors(model, "outputs") if _is_known(model) else _call_once(model, shapes)
    if not any("float" in _name_type(output) for output in outputs if hasattr(output, "dtype")):
        raise ModelError(
            "this model returns no floating-point numbers, so that no loss can be computed of it"
        )
    if not model.weights:
        raise ModelError("this model has no weights")


def _is_known(model: Any) -> bool:
    """Whether the model's graph says everything, so that it need not be called to see whether it can be."""
    tensors = _list_tensors(model, "inputs")
    return bool(tensors) and all(None not in tuple(tensor.shape)[1:] for tensor in tensors)


def _call_once(model: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """What the model returns of zeros. What is not built is built by this."""
    tensors = _list_tensors(model, "inputs")
    batch = tensors[0].shape[0] or 1 if tensors else 1
    kinds = list_input_types(model, len(shapes))
    zeros = [
        np.zeros((batch, *shape), np.float32 if "float" in kind else kind)
        for shape, kind in zip(shapes, kinds, strict=True)
    ]
    try:
        return _flatten(model(arrange_inputs(model, zeros)))
    except Exception as error:  # whatever the user's layers say
        raise ModelError(_describe_misfit(shapes, error)) from error


def _describe_misfit(shapes: Sequence[tuple[int, ...]], error: Exception) -> str:
    return f"this model failed with input {','.join(map(_write, shapes))}: {describe_error(error)}"


def _list_tensors(model: Any, name: str) -> list[Any]:
    """The model's ``inputs`` or ``outputs`` in its graph; none where it has no graph."""
    found = getattr(model, name, None)  # of a subclassed model, whatever the user calls so
    is_tensors = isinstance(found, list | tuple) and all(
        hasattr(value, "shape") and hasattr(value, "dtype") for value in found
    )
    return list(found) if is_tensors else []


def _read_built_shapes(model: Any) -> Any:
    """The shapes, with the batch, that a model without a graph was built for, in its own structure."""
    if not model.built:
        return None
    structure = (model.get_build_config() or {}).get("input_shape")
    leaves = _flatten(structure)  # a model may write anything here
    return structure if all(_is_shape(leaf) and len(leaf) > 0 for leaf in leaves) else None


def _find_looked_up(model: Any, tensors: Sequence[Any]) -> set[int]:
    """The ``id`` of each of ``tensors`` that an Embedding reads."""
    import keras

    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if isinstance(model, keras.Sequential):
        return {id(tensors[0])} if layers and isinstance(layers[0], keras.layers.Embedding) else set()
    embeddings = [layer for layer in layers if isinstance(layer, keras.layers.Embedding)]
    return {id(getattr(layer, "input", None)) for layer in embeddings}


def _is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(size is None or isinstance(size, int) for size in value)


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and not _is_shape(value)


def _flatten(structure: Any) -> list[Any]:
    """The leaves of ``structure``: tensors, or shapes; of dictionaries by key, as Keras has them."""
    return list(_iterate(structure))


def _iterate(structure: Any) -> Iterator[Any]:
    if isinstance(structure, Mapping):
        for name in sorted(structure):
            yield from _iterate(structure[name])
    elif _is_nested(structure):
        for part in structure:
            yield from _iterate(part)
    elif structure is not None:
        yield structure


def _pack(structure: Any, values: Iterator[Any]) -> Any:
    """``structure`` in plain dictionaries, lists and tuples, with ``values`` in place of its leaves."""
    if isinstance(structure, Mapping):
        return {name: _pack(structure[name], values) for name in sorted(structure)}
    if _is_nested(structure):
        parts = [_pack(part, values) for part in structure]
        return tuple(parts) if isinstance(structure, tuple) else parts
    return next(values)


def _name_type(tensor: Any) -> str:
    """``float32``, whichever framework says it."""
    kind = tensor.dtype
    return str(getattr(kind, "name", kind)).rpartition(".")[-1]


def _write(shape: Sequence[int | None]) -> str:
    """``96x96x3``, with a question mark for what is not known."""
    return "x".join("?" if size is None else str(size) for size in shape) or "one number"
