"""What a layer means: the same convolution in plain NumPy, with its gradients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.contract.cases import GROUPED, SPLIT, ConvCase
from bench.workloads.layers import tensor_shape

_SEED = 20190924


#: An activation and its gradient: from the values before it and the gradient after it, all float64 arrays in
#: the case's data format, to the values after it and the gradient before it.
Activate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def activate_relu(y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(y > 0, y, 0.0), np.where(y > 0, dy, 0.0)


def activate_linear(y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return y, dy


@dataclass(frozen=True)
class Sample:
    """Inputs and weights of a case as float64 arrays, in the case's data format and Keras's order."""

    x: np.ndarray
    dy: np.ndarray
    weights: tuple[np.ndarray, ...]


def draw_sample(case: ConvCase, shapes: Sequence[tuple[int, ...]]) -> Sample:
    """Random values that every dtype holds exactly: multiples of 1/8 between -2 and 2."""
    random = np.random.default_rng(_SEED)

    def values(shape: tuple[int, ...]) -> np.ndarray:
        return random.integers(-16, 17, shape) / 8.0

    return Sample(
        values(tensor_shape(case, case.height, case.width, case.in_channels)),
        values(tensor_shape(case, *case.output_size, case.filters)),
        tuple(values(shape) for shape in shapes),
    )


def compute_expected(case: ConvCase, given: Sample, activate: Activate | None = None) -> list[np.ndarray]:
    """What the case's call shall return: the output, then gradients of input and weights, as far as asked.

    ``activate`` is the case's activation where it is not relu, which NumPy knows.
    """
    if case.layer == SPLIT:
        return _compute_split(case, given, activate)
    x = _last(case, given.x)
    kernels, bias = list(given.weights), None
    if case.use_bias:
        bias = kernels.pop()
    stages = _stages(case, [kernel[None] if case.is_1d else kernel for kernel in kernels])
    inputs = [x]
    for stage in stages:
        inputs.append(stage.forward(inputs[-1]))
    y = inputs.pop() + (0 if bias is None else bias)
    activate = activate or (activate_relu if case.activation == "relu" else activate_linear)
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


def _compute_split(case: ConvCase, given: Sample, activate: Activate | None) -> list[np.ndarray]:
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
    results = compute_expected(separable, dataclasses.replace(given, weights=whole), activate)
    if case.direction == "forward":
        return results
    before, (of_depthwise, of_pointwise, *of_bias) = results[: -len(whole)], results[-len(whole) :]
    parts = np.split(of_depthwise, many, axis=-1)
    return [*before, *parts, reordered(of_pointwise, case.in_channels, many), *of_bias]


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
