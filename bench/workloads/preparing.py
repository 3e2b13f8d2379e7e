"""From a case to a prepared call: its layer, its random inputs, its direction and mode."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.contract.cases import ConvCase
from bench.frameworks.interface import Call, Framework
from bench.workloads.layers import SEED, build_layer, compute_tensor_shape


@dataclass(frozen=True)
class Workload:
    """Something to time."""

    call: Call
    #: What tracing, compiling, creating primitives and the first run took together.
    first_call_seconds: float
    #: Why what it computes could not be held against NumPy; ``None`` where it was.
    unchecked: str | None = None


def prepare(framework: Framework, case: ConvCase, *, frozen: bool = False) -> Workload:
    """What ``case`` says, called once. Every call waits for the device.

    Weights, inputs and output gradients are random and the same for the same case. Two workloads share
    nothing but the code. Of a ``frozen`` layer no gradient of weights is computed. Raises
    :class:`bench.frameworks.interface.Unsupported`.
    """
    layer = build_layer(framework, case)
    layer.trainable = not frozen
    random = np.random.default_rng(SEED)
    inputs = _draw_images(random, case, case.height, case.width, case.in_channels)
    output_gradient = _draw_images(random, case, *case.output_size, case.filters)
    return start(lambda: framework.prepare_layer(case, layer, inputs, output_gradient))


def start(build: Callable[[], Call]) -> Workload:
    """The call that ``build`` makes and calls once, with the time that this took."""
    begin = time.perf_counter()
    call = build()
    return Workload(call, first_call_seconds=time.perf_counter() - begin)


def _draw_images(
    random: np.random.Generator, case: ConvCase, height: int, width: int, channels: int
) -> np.ndarray:
    shape = compute_tensor_shape(case, height, width, channels)
    return random.standard_normal(shape, dtype=np.float32)
