"""Does a framework compute what the layer means? A small relative of each case against plain NumPy.

Nothing is timed that computes something else: before a case is measured, a layer of the same kind and
options, but small, is run on the framework and held against loops over the kernel's taps.
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
    Sample,
    activate_linear,
    activate_relu,
    compute_expected,
    draw_sample,
)
from bench.workloads.small_cases import find_small_case

#: So much of a change of an activation's slope, within what rounding may do, is a kink.
_JUMP = 0.05
#: A result is judged as if its largest value were at least this share of that of all.
_CANCELLED = 0.1
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
    given = draw_sample(case, [tuple(weight.shape) for weight in layer.get_weights()])
    activate = None
    if case.activation not in (None, "relu"):
        activate = functools.partial(framework.activation, case.activation)
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
    call = framework.layer_call(case, layer, given.x.astype(np.float32), given.dy.astype(np.float32))
    found = framework.arrays(call())
    problem = find_disagreement(case, found, given, activate)
    if problem and _bias_is_along_width(case, found, given, activate):
        problem += " (it adds the bias along the width: docs/reproducers/keras_bias_channels_first.py)"
    return problem, None


def _bias_is_along_width(
    case: ConvCase, found: Sequence[np.ndarray], given: Sample, activate: Activate | None
) -> bool:
    """Whether the output is what Keras makes of channels first where the width equals the filters."""
    forward = dataclasses.replace(case, direction="forward")
    if case.direction == "backward" or not case.use_bias or case.layer == SPLIT:
        return False
    if case.data_format != "channels_first" or case.output_size[1] != case.filters:
        return False
    plain = dataclasses.replace(forward, activation=None, use_bias=False)
    (y,) = compute_expected(plain, dataclasses.replace(given, weights=given.weights[:-1]))
    activate = activate or (activate_relu if case.activation == "relu" else activate_linear)
    wrong, _ = activate(y + given.weights[-1], given.dy)
    scale = max(float(np.abs(wrong).max()), 1e-12)
    return bool((np.abs(found[0].reshape(wrong.shape) - wrong) <= TOLERANCES[case.dtype] * scale).all())


def shrink_to_unsaturated(case: ConvCase, given: Sample) -> Sample:
    """``given`` with inputs and biases so small that no activation is flat at what comes before it.

    Where one is (tanh of 20), its gradient is the difference of two numbers that half precision cannot tell
    apart. Powers of two keep every value exact.
    """
    before = compute_expected(dataclasses.replace(case, direction="forward", activation=None), given)[0]
    scale = 2.0 ** -max(0, math.ceil(math.log2(max(float(np.abs(before).max()), 1e-9))) - 1)
    kernels, bias = (given.weights[:-1], given.weights[-1:]) if case.use_bias else (given.weights, ())
    return dataclasses.replace(
        given, x=given.x * scale, weights=(*kernels, *(values * scale for values in bias))
    )


def avoid_kinks(case: ConvCase, given: Sample, activate: Activate) -> Sample:
    """``given`` without output gradient where the activation's own gradient is about to jump.

    There rounding decides, and whatever the framework computes is as right as anything else. Raises
    ``Unsupported`` where the activation changes the shape of its tensor.
    """
    before = compute_expected(dataclasses.replace(case, direction="forward", activation=None), given)[0]
    ones = np.ones_like(before)
    output, slope = activate(before, ones)
    if output.shape != before.shape:
        raise Unsupported(f"{case.activation} changes the shape of the output, which is not measured here")
    step = TOLERANCES[case.dtype] * float(np.abs(before).max())
    jump = np.maximum(*(np.abs(activate(before + way * step, ones)[1] - slope) for way in (-1, 1)))
    return dataclasses.replace(given, dy=np.where(jump > _JUMP, 0.0, given.dy))


def find_disagreement(
    case: ConvCase, found: Sequence[np.ndarray], given: Sample, activate: Activate | None = None
) -> str | None:
    """Where ``found`` is not what is expected, in words; ``None`` where it is."""
    wanted = compute_expected(case, given, activate)
    if len(found) != len(wanted):
        return f"it returns {len(found)} tensors instead of {len(wanted)}"
    names = ["the output"] if case.direction != "backward" else []
    names += ["the gradient of the input"] if case.direction != "forward" and case.input_gradient else []
    names += [f"the gradient of weight {place + 1}" for place in range(len(wanted) - len(names))]
    # What cancels out (the bias before a softmax) is as exact as what it was summed from.
    least_scale = max(1e-12, _CANCELLED * max(float(np.abs(other).max()) for other in wanted))
    for name, one, other in zip(names, found, wanted, strict=True):
        if one.size != other.size:
            return f"{name} has {one.size} elements instead of {other.size}"
        scale = max(float(np.abs(other).max()), least_scale)
        allowed = TOLERANCES[case.dtype] * scale
        if name == "the output" and activate:
            allowed = allowed + _wobble(case, given, activate)
        difference = np.abs(one.reshape(other.shape) - other)
        if not (difference <= allowed).all():
            return (
                f"{name} differs from NumPy's by {float(difference.max()) / scale:.2g} of its largest value"
            )
    return None


def _wobble(case: ConvCase, given: Sample, activate: Activate) -> np.ndarray:
    """What the activation makes of the rounding that is allowed before it: much, where it jumps."""
    before = compute_expected(dataclasses.replace(case, direction="forward", activation=None), given)[0]
    step = TOLERANCES[case.dtype] * float(np.abs(before).max())
    here, up, down = (activate(before + way * step, before)[0] for way in (0, 1, -1))
    return np.abs(up - here) + np.abs(down - here)
