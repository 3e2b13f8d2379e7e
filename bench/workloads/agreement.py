"""Does a framework compute what the layer means? A small relative of each case against plain NumPy.

Nothing is timed that computes something else. Before a case is measured, a small layer of the same kind and
options runs on the framework, and what it returns is held against :mod:`bench.workloads.reference`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from bench.contract.cases import SPLIT, ConvCase
from bench.frameworks.interface import Framework, Unsupported, summarize_error
from bench.workloads.layers import build_layer
from bench.workloads.reference import (
    Activate,
    LayerTensors,
    choose_activation,
    compute_expected,
    draw_tensors,
)
from bench.workloads.small_cases import find_small_case

#: An activation's slope that changes by more than this, within what rounding may do, has a kink there.
_JUMP = 0.05
#: A result is judged as if its largest value were at least this share of the largest of all results.
_CANCELLED = 0.1
_OUTPUT = "the output"
#: What the largest difference may be, over the largest value, by dtype. Inputs and weights are exact in
#: every dtype, so that only what lies between two convolutions is rounded: float32 leaves room for
#: TensorFloat-32 there, with its eleven bits.
TOLERANCES = {"float64": 1e-9, "float32": 2e-3, "bfloat16": 6e-2, "float16": 1e-2}


class Disagreement(Exception):
    """The framework computes something else than the layer means; the message says what."""


def check_agreement(framework: Framework, case: ConvCase) -> str | None:
    """Why ``case`` cannot be checked; ``None`` where it was, and the framework computes what it means.

    Raises :class:`Disagreement`, or ``Unsupported`` where the framework has no such layer.
    """
    problem, unchecked = _find_problem(framework, find_small_case(case))
    if problem:
        raise Disagreement(f"{framework.name} disagrees with NumPy: {problem}")
    return unchecked


@cache
def _find_problem(framework: Framework, case: ConvCase) -> tuple[str | None, str | None]:
    """Where the framework and NumPy differ, and why that could not be looked at; mostly neither.

    Cases that differ only in sizes share one answer.
    """
    layer = build_layer(framework, case)
    given = draw_tensors(case, [tuple(weight.shape) for weight in layer.get_weights()])
    activate = None
    if case.activation not in (None, "relu"):
        activate = functools.partial(framework.compute_activation, case.activation)
        try:
            given = avoid_kinks(case, shrink_to_unsaturated(case, given), activate)
        except Unsupported:
            raise
        except Exception as error:  # whatever a function of Keras's makes of float64
            return (
                None,
                f"not checked: {case.activation} does not run in float64 here ({summarize_error(error)})",
            )
    layer.set_weights(given.weights)
    call = framework.prepare_layer(case, layer, given.x.astype(np.float32), given.dy.astype(np.float32))
    found = framework.convert_to_arrays(call())
    problem = find_disagreement(case, found, given, activate)
    if problem and _adds_bias_along_width(case, found, given, activate):
        problem += " (it adds the bias along the width: docs/reproducers/keras_bias_channels_first.py)"
    return problem, None


def _adds_bias_along_width(
    case: ConvCase, found: Sequence[np.ndarray], given: LayerTensors, activate: Activate | None
) -> bool:
    """Whether the output is what Keras makes of channels first where the width equals the filters."""
    if case.direction == "backward" or not case.use_bias or case.layer == SPLIT:
        return False
    if case.data_format != "channels_first" or case.output_size[1] != case.filters:
        return False
    without_bias = dataclasses.replace(case, direction="forward", activation=None, use_bias=False)
    (y,) = compute_expected(without_bias, dataclasses.replace(given, weights=given.weights[:-1]))
    # NumPy adds along the last axis, which is the width here.
    wrong, _ = choose_activation(case, activate)(y + given.weights[-1], given.dy)
    allowed = TOLERANCES[case.dtype] * _find_largest(wrong)
    return bool((np.abs(found[0].reshape(wrong.shape) - wrong) <= allowed).all())


def shrink_to_unsaturated(case: ConvCase, given: LayerTensors) -> LayerTensors:
    """``given`` with inputs and biases so small that no activation is flat at what comes before it.

    Where one is (tanh of 20), its gradient is the difference of two numbers that half precision cannot tell
    apart. Powers of two keep every value exact.
    """
    largest = max(float(np.abs(_compute_before_activation(case, given)).max()), 1e-9)
    scale = 2.0 ** -max(0, math.ceil(math.log2(largest)) - 1)
    weights = list(given.weights)
    if case.use_bias:
        weights[-1] = weights[-1] * scale
    return dataclasses.replace(given, x=given.x * scale, weights=tuple(weights))


def avoid_kinks(case: ConvCase, given: LayerTensors, activate: Activate) -> LayerTensors:
    """``given`` without output gradient where the activation's own gradient is about to jump.

    There rounding decides, and whatever the framework computes is as right as anything else. Raises
    ``Unsupported`` where the activation changes the shape of its tensor.
    """
    before = _compute_before_activation(case, given)
    ones = np.ones_like(before)
    output, slope = activate(before, ones)
    if output.shape != before.shape:
        raise Unsupported(f"{case.activation} changes the shape of the output, which is not measured here")
    step = TOLERANCES[case.dtype] * float(np.abs(before).max())
    _, slope_below = activate(before - step, ones)
    _, slope_above = activate(before + step, ones)
    jump = np.maximum(np.abs(slope_below - slope), np.abs(slope_above - slope))
    return dataclasses.replace(given, dy=np.where(jump > _JUMP, 0.0, given.dy))


def find_disagreement(
    case: ConvCase, found: Sequence[np.ndarray], given: LayerTensors, activate: Activate | None = None
) -> str | None:
    """Where ``found`` is not what is expected, in words; ``None`` where it is."""
    expected = compute_expected(case, given, activate)
    if len(found) != len(expected):
        return f"it returns {len(found)} tensors instead of {len(expected)}"
    # What cancels out (the bias before a softmax) is as exact as what it was summed from.
    least_scale = _CANCELLED * max(_find_largest(right) for right in expected)
    for name, one, right in zip(_name_results(case, len(expected)), found, expected, strict=True):
        if one.size != right.size:
            return f"{name} has {one.size} elements instead of {right.size}"
        scale = max(_find_largest(right), least_scale)
        allowed = TOLERANCES[case.dtype] * scale
        if name == _OUTPUT and activate:
            allowed = allowed + _compute_wobble(case, given, activate)
        difference = np.abs(one.reshape(right.shape) - right)
        if not (difference <= allowed).all():
            return (
                f"{name} differs from NumPy's by {float(difference.max()) / scale:.2g} of its largest value"
            )
    return None


def _name_results(case: ConvCase, count: int) -> list[str]:
    """What the ``count`` results of a case's call are called, in their order."""
    names = []
    if case.direction != "backward":
        names.append(_OUTPUT)
    if case.direction != "forward" and case.input_gradient:
        names.append("the gradient of the input")
    weights = count - len(names)
    return names + [f"the gradient of weight {number}" for number in range(1, weights + 1)]


def _find_largest(values: np.ndarray) -> float:
    """The largest absolute value; a little over 0 where all are 0, for what is divided by it."""
    return max(float(np.abs(values).max()), 1e-12)


def _compute_wobble(case: ConvCase, given: LayerTensors, activate: Activate) -> np.ndarray:
    """What the activation makes of the rounding that is allowed before it: much, where it jumps."""
    before = _compute_before_activation(case, given)
    step = TOLERANCES[case.dtype] * float(np.abs(before).max())
    here, _ = activate(before, before)
    below, _ = activate(before - step, before)
    above, _ = activate(before + step, before)
    return np.abs(above - here) + np.abs(below - here)


def _compute_before_activation(case: ConvCase, given: LayerTensors) -> np.ndarray:
    """The output, as it would be without activation."""
    (output,) = compute_expected(dataclasses.replace(case, direction="forward", activation=None), given)
    return output
