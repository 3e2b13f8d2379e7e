"""From a network and a direction to a call that can be timed."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.contract.cases import ConvCase
from bench.contract.networks import INFERENCE, TRAINING, TRAINING_WITH_ADAM
from bench.frameworks.interface import Framework, NetworkStep
from bench.workloads.layers import SEED
from bench.workloads.preparing import Workload, start


def prepare_step(
    framework: Framework, model: Any, inputs: Any, direction: str, mode: str, device: str
) -> Workload:
    """``direction`` (one of ``bench.contract.networks``) of a built Keras ``model``, called once.

    ``inputs`` are arrays in the structure that the model takes. ``model`` lies on ``device`` already, and
    training changes its state. Raises :class:`bench.frameworks.interface.Unsupported`.
    """
    step = NetworkStep(
        mode,
        device,
        training={INFERENCE: False, TRAINING: True, TRAINING_WITH_ADAM: True}[direction],
        with_adam=direction == TRAINING_WITH_ADAM,
    )
    return start(lambda: framework.prepare_network(model, inputs, step))


def prepare_block(framework: Framework, block: Any, case: ConvCase) -> Workload:
    """A small Keras model on random inputs, called once as a layer is.

    ``case`` says the direction, mode, device and dtype, and whether the input needs a gradient.
    """
    random = np.random.default_rng(SEED)
    inputs = random.standard_normal(tuple(block.input_shape), np.float32)
    output_gradient = random.standard_normal(tuple(block.output_shape), np.float32)
    return start(lambda: framework.prepare_layer(case, block, inputs, output_gradient))
