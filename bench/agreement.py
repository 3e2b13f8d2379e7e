"""Does a framework compute what the layer means? A small relative of each case against plain NumPy.

Nothing is timed that computes something else: before a case is measured, a layer of the same kind and
options, but small, is run on the framework and held against loops over the kernel's taps.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bench import workloads
from bench.cases import GROUPED, SPLIT, ConvCase
from bench.frameworks import Framework, Unsupported, first_line
from bench.relatives import small

_SEED = 20190924
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


def check(framework: Framework, case: ConvCase) -> str | None:
    """Why ``case`` cannot be checked; ``None`` where it was, and the framework computes what it means.

    Raises :class:`Disagreement`, or ``Unsupported`` where the framework has no such layer.
    """
    problem, unchecked = _problem(framework, small(case))
    if problem:
        raise Disagreement(f"{framework.name} disagrees with NumPy: {problem}")
    return unchecked


@cache
def _problem(framework: Framework, case: ConvCase) -> tuple[str | None, str | None]:
    """Where the framework and NumPy differ, and why that could not be looked at; mostly neither.

    Cases that differ only in sizes share one answer.
    """
    layer = workloads.built_layer(framework, case)
    given = sample(case, [tuple(weight.shape) for weight in layer.get_weights()])
    activate = None
    if case.activation not in (None, "relu"):
        activate = functools.partial(framework.activation, case.activation)
        try:
            given = away_from_kinks(case, unsaturated(case, given), activate)
        except Unsupported:
            raise
        except Exception as error:  # whatever a function of Keras's makes of float64
            return None, f"not checked: {case.activation} does not run in float64 here ({first_line(error)})"
    layer.set_weights(given.weights)
    call = framework.layer_call(case, layer, given.x.astype(np.float32), given.dy.astype(np.float32))
    found = framework.arrays(call())
    problem = disagreement(case, found, given, activate)
    if problem and _bias_is_along_width(case, found, given, activate):
        problem += " (it adds the bias along the width: docs/reproducers/keras_bias_channels_first.py)"
    return problem, None


#: An activation and its gradient: from the values before it and the gradient after it, all float64 arrays in
#: the case's data format, to the values after it and the gradient before it.
Activate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _relu(y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(y > 0, y, 0.0), np.where(y > 0, dy, 0.0)


def _identity(y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return y, dy


@dataclass(frozen=True)
class Sample:
    """Inputs and weights of a case as float64 arrays, in the case's data format and Keras's order."""

    x: np.ndarray
    dy: np.ndarray
    weights: tuple[np.ndarray, ...]


def sample(case: ConvCase, shapes: Sequence[tuple[int, ...]]) -> Sample:
    """Random values that every dtype holds exactly: multiples of 1/8 between -2 and 2."""
    random = np.random.default_rng(_SEED)

    def values(shape: tuple[int, ...]) -> np.ndarray:
        return random.integers(-16, 17, shape) / 8.0

    return Sample(
        values(workloads.tensor_shape(case, case.height, case.width, case.in_channels)),
        values(workloads.tensor_shape(case, *case.output_size, case.filters)),
        tuple(values(shape) for shape in shapes),
    )


def expected(case: ConvCase, given: Sample, activate: Activate | None = None) -> list[np.ndarray]:
    """What the case's call shall return: the output, then gradients of input and weights, as far as asked.

    ``activate`` is the case's activation where it is not relu, which NumPy knows.
    """
    if case.layer == SPLIT:
        return _expected_of_split(case, given, activate)
    x = _last(case, given.x)
    kernels, bias = list(given.weights), None
    if case.use_bias:
        bias = kernels.pop()
    stages = _stages(case, [kernel[None] if case.is_1d else kernel for kernel in kernels])
    inputs = [x]
    for stage in stages:
        inputs.append(stage.forward(inputs[-1]))
    y = inputs.pop() + (0 if bias is None else bias)
    activate = activate or (_relu if case.activation == "relu" else _identity)
    # As Keras does: on the tensor as it lies, so that softmax of channels first is over the width.
    output, gradient = activate(_back(case, y), given.dy)
    outputs = [output]
    if case.direction == "forward":
        return outputs
    gradient = _last(case, gradient)
    weights = [] if bias is None else [gradient.sum(axis=(0, 1, 2))]
    for stage, stage_input, kernel in zip(stages[::-1], inputs[::-1], kernels[::-1], strict=True):
        gradient, of_weights = stage.backward(stage_input, gradient)
        weights.insert(0, of_weights.reshape(kernel.shape))
    gradients = [*([_back(case, gradient)] if case.input_gradient else []), *weights]
    return gradients if case.direction == "backward" else outputs + gradients


def _expected_of_split(case: ConvCase, given: Sample, activate: Activate | None) -> list[np.ndarray]:
    """A separable layer's, with m depthwise kernels of one multiplier instead of one of m.

    Between its two stages channels are in the order (multiplier, channel) instead of (channel, multiplier).
    """
    many = case.depth_multiplier
    depthwise, (pointwise, *bias) = given.weights[:many], given.weights[many:]

    def reordered(kernel: np.ndarray, outer: int, inner: int) -> np.ndarray:
        split = kernel.reshape(*kernel.shape[:2], outer, inner, -1)
        return split.swapaxes(2, 3).reshape(kernel.shape)

    whole = (np.concatenate(depthwise, axis=-1), reordered(pointwise, many, case.in_channels), *bias)
    separable = dataclasses.replace(case, layer="separable_conv2d")
    results = expected(separable, dataclasses.replace(given, weights=whole), activate)
    if case.direction == "forward":
        return results
    before, (of_depthwise, of_pointwise, *of_bias) = results[: -len(whole)], results[-len(whole) :]
    parts = np.split(of_depthwise, many, axis=-1)
    return [*before, *parts, reordered(of_pointwise, case.in_channels, many), *of_bias]


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
    (y,) = expected(plain, dataclasses.replace(given, weights=given.weights[:-1]))
    activate = activate or (_relu if case.activation == "relu" else _identity)
    wrong, _ = activate(y + given.weights[-1], given.dy)
    scale = max(float(np.abs(wrong).max()), 1e-12)
    return bool((np.abs(found[0].reshape(wrong.shape) - wrong) <= TOLERANCES[case.dtype] * scale).all())


def unsaturated(case: ConvCase, given: Sample) -> Sample:
    """``given`` with inputs and biases so small that no activation is flat at what comes before it.

    Where one is (tanh of 20), its gradient is the difference of two numbers that half precision cannot tell
    apart. Powers of two keep every value exact.
    """
    before = expected(dataclasses.replace(case, direction="forward", activation=None), given)[0]
    scale = 2.0 ** -max(0, math.ceil(math.log2(max(float(np.abs(before).max()), 1e-9))) - 1)
    kernels, bias = (given.weights[:-1], given.weights[-1:]) if case.use_bias else (given.weights, ())
    return dataclasses.replace(
        given, x=given.x * scale, weights=(*kernels, *(values * scale for values in bias))
    )


def away_from_kinks(case: ConvCase, given: Sample, activate: Activate) -> Sample:
    """``given`` without output gradient where the activation's own gradient is about to jump.

    There rounding decides, and whatever the framework computes is as right as anything else. Raises
    ``Unsupported`` where the activation changes the shape of its tensor.
    """
    before = expected(dataclasses.replace(case, direction="forward", activation=None), given)[0]
    ones = np.ones_like(before)
    output, slope = activate(before, ones)
    if output.shape != before.shape:
        raise Unsupported(f"{case.activation} changes the shape of the output, which is not measured here")
    step = TOLERANCES[case.dtype] * float(np.abs(before).max())
    jump = np.maximum(*(np.abs(activate(before + way * step, ones)[1] - slope) for way in (-1, 1)))
    return dataclasses.replace(given, dy=np.where(jump > _JUMP, 0.0, given.dy))


def disagreement(
    case: ConvCase, found: Sequence[np.ndarray], given: Sample, activate: Activate | None = None
) -> str | None:
    """Where ``found`` is not what is expected, in words; ``None`` where it is."""
    wanted = expected(case, given, activate)
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
    before = expected(dataclasses.replace(case, direction="forward", activation=None), given)[0]
    step = TOLERANCES[case.dtype] * float(np.abs(before).max())
    here, up, down = (activate(before + way * step, before)[0] for way in (0, 1, -1))
    return np.abs(up - here) + np.abs(down - here)


@dataclass(frozen=True)
class _Stage:
    """One convolution, channels last; the last axis of a depthwise ``kernel`` is its multiplier."""

    kernel: np.ndarray
    depthwise: bool
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: str

    def forward(self, x: np.ndarray) -> np.ndarray:
        padded, sizes = self._padded(x)
        channels = x.shape[-1] * self.kernel.shape[-1] if self.depthwise else self.kernel.shape[-1]
        y = np.zeros((len(x), *sizes, channels))
        for tap, window in self._taps(padded, sizes):
            y += self._applied(padded[window], self.kernel[tap])
        return y

    def backward(self, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradients of the input and of the kernel."""
        padded, sizes = self._padded(x)
        of_padded, of_kernel = np.zeros_like(padded), np.zeros_like(self.kernel)
        split = dy.reshape(*dy.shape[:3], x.shape[-1], -1) if self.depthwise else dy
        for tap, window in self._taps(padded, sizes):
            if self.depthwise:
                of_kernel[tap] = np.einsum("nhwc,nhwcm->cm", padded[window], split)
                of_padded[window] += np.einsum("nhwcm,cm->nhwc", split, self.kernel[tap])
            else:
                of_kernel[tap] = np.einsum("nhwc,nhwk->ck", padded[window], dy)
                of_padded[window] += np.einsum("nhwk,ck->nhwc", dy, self.kernel[tap])
        (top, _), (left, _) = self._pads(x)
        return of_padded[:, top : top + x.shape[1], left : left + x.shape[2]], of_kernel

    def _applied(self, part: np.ndarray, weights: np.ndarray) -> np.ndarray:
        if self.depthwise:
            return np.einsum("nhwc,cm->nhwcm", part, weights).reshape(*part.shape[:3], -1)
        return part @ weights

    def _taps(
        self, padded: np.ndarray, sizes: tuple[int, int]
    ) -> Iterator[tuple[tuple[int, int], tuple[slice, ...]]]:
        """Each place of the kernel, and the part of the input that it meets."""
        (sh, sw), (dh, dw) = self.strides, self.dilation
        for row, column in np.ndindex(*self.kernel.shape[:2]):
            top, left = row * dh, column * dw
            window = (
                slice(None),
                slice(top, top + sh * (sizes[0] - 1) + 1, sh),
                slice(left, left + sw * (sizes[1] - 1) + 1, sw),
            )
            yield (row, column), window

    def _padded(self, x: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
        pads = self._pads(x)
        padded = np.pad(x, ((0, 0), *pads, (0, 0)))
        extents = [(k - 1) * d + 1 for k, d in zip(self.kernel.shape[:2], self.dilation, strict=True)]
        sizes = tuple(
            (size - extent) // stride + 1
            for size, extent, stride in zip(padded.shape[1:3], extents, self.strides, strict=True)
        )
        return padded, sizes

    def _pads(self, x: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
        """TensorFlow's rule for 'same': as little as is needed, the odd one at the end."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        found = []
        for size, kernel, stride, dilation in zip(
            x.shape[1:3], self.kernel.shape[:2], self.strides, self.dilation, strict=True
        ):
            extent = (kernel - 1) * dilation + 1
            whole = max((-(-size // stride) - 1) * stride + extent - size, 0)
            found.append((whole // 2, whole - whole // 2))
        return found[0], found[1]


def _stages(case: ConvCase, kernels: list[np.ndarray]) -> list[_Stage]:
    spatial = (case.strides, case.dilation_rate, case.padding)
    if case.is_separable:
        depthwise, pointwise = kernels
        return [_Stage(depthwise, True, *spatial), _Stage(pointwise, False, (1, 1), (1, 1), "valid")]
    if case.layer == GROUPED:
        # A group a channel: (kh, kw, 1, channels x multiplier), the multiplier innermost.
        (kernel,) = kernels
        return [_Stage(kernel.reshape(*kernel.shape[:2], case.in_channels, -1), True, *spatial)]
    (kernel,) = kernels
    return [_Stage(kernel, case.layer == "depthwise_conv2d", *spatial)]


def _last(case: ConvCase, array: np.ndarray) -> np.ndarray:
    """(N, H, W, C), whatever the case's format."""
    if case.data_format == "channels_first":
        array = np.moveaxis(array, 1, -1)
    return array[:, None] if case.is_1d else array


def _back(case: ConvCase, array: Any) -> np.ndarray:
    array = array[:, 0] if case.is_1d else array
    return np.moveaxis(array, -1, 1) if case.data_format == "channels_first" else array
