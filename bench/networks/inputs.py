"""What a network is given: the shapes that the user wants, and random arrays."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from bench.contract.printable import quote
from bench.networks.loading import Network, arrange_inputs, list_input_types
from bench.workloads.layers import SEED

_SHAPE = re.compile(r"[0-9]{1,9}(?:x[0-9]{1,9})*", re.ASCII)


def parse_input_shapes(text: str | None) -> tuple[tuple[int, ...], ...]:
    """``--model-input``: ``96x96x3,10`` is ``((96, 96, 3), (10,))``. None where it was not given.

    Raises ``ValueError`` with one sentence.
    """
    if text is None:
        return ()
    return tuple(_parse_shape(word.strip(), text) for word in text.split(","))


def _parse_shape(word: str, text: str) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in word.split("x")) if _SHAPE.fullmatch(word) else ()
    if not sizes or min(sizes) < 1:
        raise ValueError(
            "--model-input must be sizes such as 96x96x3, without the batch, and with commas between "
            f"several inputs, not {quote(text)}"
        )
    return sizes


def draw_inputs(network: Network, batch: int | None = None) -> Any:
    """Random inputs in the structure that the network is called with, equal for equal networks.

    Floating-point inputs are standard normal float32; integers and booleans are 0 or 1. ``batch`` is the
    network's own unless another is given.
    """
    random = np.random.default_rng(SEED)
    size = network.batch if batch is None else batch
    kinds = list_input_types(network.keras_model, len(network.input_shapes))
    arrays = [
        _draw(random, (size, *shape), kind) for shape, kind in zip(network.input_shapes, kinds, strict=True)
    ]
    return arrange_inputs(network.keras_model, arrays)


def _draw(random: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    if "float" in kind:
        return random.standard_normal(shape, np.float32)
    return random.integers(0, 2, shape).astype(kind)
