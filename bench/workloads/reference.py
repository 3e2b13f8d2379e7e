"""What a layer means: the same convolution in plain NumPy, with its gradients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.contract.cases import CAUSAL, GROUPED, SPLIT, ConvCase
from bench.workloads.layers import SEED, compute_tensor_shape

#: An activation and its gradient: from the values before it and the gradient after it, all float64 arrays in
#: the case's data format, to the values after it and the gradient before it.
Activate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class LayerTensors:
    """Inputs and weights of a case as float64 arrays, in the case's data format and Keras's order."""

    #: The input, and the gradient of the output.
    x: np.ndarray
    dy: np.ndarray
    weights: tuple[np.ndarray, ...]


def draw_tensors(case: ConvCase, shapes: Sequence[tuple[int, ...]]) -> LayerTensors:
    """Random values that every dtype holds exactly: multiples of 1/8 between -2 and 2.

    ``shapes`` are those of Keras's weights.
    """
    random = np.random.default_rng(SEED)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        return random.integers(-16, 17, shape) / 8.0

    return LayerTensors(
        x=draw(compute_tensor_shape(case, case.height, case.width, case.in_channels)),
        dy=draw(compute_tensor_shape(case, *case.output_size, case.filters)),
        weights=tuple(draw(shape) for shape in shapes),
    )


def choose_activation(case: ConvCase, activate: Activate | None) -> Activate:
    """``activate`` where it is given; else relu or none, which NumPy knows itself."""
    if activate:
        return activate
    return _activate_relu if case.activation == "relu" else _activate_nothing


def _activate_relu(y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(y > 0, y, 0.0), np.where(y > 0, dy, 0.0)


def _activate_nothing(y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return y, dy


def compute_expected(
    case: ConvCase, given: LayerTensors, activate: Activate | None = None
) -> list[np.ndarray]:
    """What the case's call shall return: the output, then gradients of input and weights, as far as asked.

    ``activate`` is the case's activation where it is neither relu nor none.
    """
    if case.layer == SPLIT:
        return _compute_split(case, given, activate)
    kernels = list(given.weights)
    bias = kernels.pop() if case.use_bias else None
    stages = _create_stages(case, kernels)
    # The input of every stage, and at last the output of the last one.
    tensors = [_move_channels_last(case, given.x)]
    for stage in stages:
        tensors.append(stage.compute_forward(tensors[-1]))
    y = tensors.pop()
    if bias is not None:
        y = y + bias
    # As Keras does: on the tensor as it lies, so that softmax of channels first is over the width.
    output, gradient = choose_activation(case, activate)(_restore_format(case, y), given.dy)
    if case.direction == "forward":
        return [output]
    gradient = _move_channels_last(case, gradient)
    of_weights = [] if bias is None else [gradient.sum(axis=(0, 1, 2))]
    for stage, stage_input, kernel in zip(stages[::-1], tensors[::-1], kernels[::-1], strict=True):
        gradient, of_kernel = stage.compute_backward(stage_input, gradient)
        of_weights.insert(0, of_kernel.reshape(kernel.shape))
    gradients = of_weights
    if case.input_gradient:
        gradients = [_restore_format(case, gradient), *of_weights]
    return gradients if case.direction == "backward" else [output, *gradients]


def _compute_split(case: ConvCase, given: LayerTensors, activate: Activate | None) -> list[np.ndarray]:
    """The same for m depthwise layers with a multiplier of 1, side by side, and a pointwise one.

    They are a separable layer, but for the order of the channels in between: (multiplier, channel) instead
    of (channel, multiplier).
    """
    many = case.depth_multiplier

    def reorder(pointwise: np.ndarray, outer: int, inner: int) -> np.ndarray:
        split = pointwise.reshape(*pointwise.shape[:2], outer, inner, -1)
        return split.swapaxes(2, 3).reshape(pointwise.shape)

    weights = list(given.weights)
    depthwise = np.concatenate(weights[:many], axis=-1)
    pointwise = reorder(weights[many], many, case.in_channels)
    separable_weights = (depthwise, pointwise, *weights[many + 1 :])
    separable = dataclasses.replace(case, layer="separable_conv2d")
    tensors = dataclasses.replace(given, weights=separable_weights)
    results = compute_expected(separable, tensors, activate)
    if case.direction == "forward":
        return results
    # The gradients of the weights come last: depthwise, pointwise and perhaps bias.
    first = len(results) - len(separable_weights)
    of_depthwise = np.split(results[first], many, axis=-1)
    of_pointwise = reorder(results[first + 1], case.in_channels, many)
    return [*results[:first], *of_depthwise, of_pointwise, *results[first + 2 :]]


@dataclass(frozen=True)
class _Stage:
    """One convolution, channels last.

    ``kernel`` is (height, width, inputs, outputs); of a depthwise one, the last axis is its multiplier.
    """

    kernel: np.ndarray
    is_depthwise: bool
    strides: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = "valid"

    def compute_forward(self, x: np.ndarray) -> np.ndarray:
        """The output (N, H, W, outputs) for the input (N, H, W, inputs)."""
        padded, sizes = self._pad(x)
        channels = x.shape[-1] * self.kernel.shape[-1] if self.is_depthwise else self.kernel.shape[-1]
        y = np.zeros((len(x), *sizes, channels))
        for tap, window in self._list_taps(sizes):
            y += self._apply(padded[window], self.kernel[tap])
        return y

    def compute_backward(self, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradients of the input and of the kernel."""
        padded, sizes = self._pad(x)
        of_padded, of_kernel = np.zeros_like(padded), np.zeros_like(self.kernel)
        by_channel = dy.reshape(*dy.shape[:3], x.shape[-1], -1) if self.is_depthwise else dy
        for tap, window in self._list_taps(sizes):
            if self.is_depthwise:
                of_kernel[tap] = np.einsum("nhwc,nhwcm->cm", padded[window], by_channel)
                of_padded[window] += np.einsum("nhwcm,cm->nhwc", by_channel, self.kernel[tap])
            else:
                of_kernel[tap] = np.einsum("nhwc,nhwk->ck", padded[window], dy)
                of_padded[window] += np.einsum("nhwk,ck->nhwc", dy, self.kernel[tap])
        (top, _), (left, _) = self._compute_padding(x)
        return of_padded[:, top : top + x.shape[1], left : left + x.shape[2]], of_kernel

    def _apply(self, part: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """What one tap with these ``weights`` adds to the output, of the part of the input that it meets."""
        if self.is_depthwise:
            return np.einsum("nhwc,cm->nhwcm", part, weights).reshape(*part.shape[:3], -1)
        return part @ weights

    def _list_taps(self, sizes: tuple[int, int]) -> Iterator[tuple[tuple[int, int], tuple[slice, ...]]]:
        """Each place of the kernel, and the part of the padded input that it meets.

        ``sizes`` are height and width of the output.
        """
        for row, column in np.ndindex(*self.kernel.shape[:2]):
            top, left = row * self.dilation[0], column * self.dilation[1]
            rows = slice(top, top + self.strides[0] * (sizes[0] - 1) + 1, self.strides[0])
            columns = slice(left, left + self.strides[1] * (sizes[1] - 1) + 1, self.strides[1])
            yield (row, column), (slice(None), rows, columns)

    def _pad(self, x: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
        """The padded input, and height and width of the output."""
        rows, columns = self._compute_padding(x)
        padded = np.pad(x, ((0, 0), rows, columns, (0, 0)))
        extents = self._compute_extents()
        height = (padded.shape[1] - extents[0]) // self.strides[0] + 1
        width = (padded.shape[2] - extents[1]) // self.strides[1] + 1
        return padded, (height, width)

    def _compute_padding(self, x: np.ndarray) -> list[tuple[int, int]]:
        """What is added before and after the rows, and the columns.

        TensorFlow's rule for "same": as little as is needed, the odd one at the end. "causal" adds all that
        the kernel spans but one in front.
        """
        if self.padding == "valid":
            return [(0, 0), (0, 0)]
        if self.padding == CAUSAL:
            return [(extent - 1, 0) for extent in self._compute_extents()]
        added = []
        for size, extent, stride in zip(x.shape[1:3], self._compute_extents(), self.strides, strict=True):
            outputs = -(-size // stride)
            needed = max((outputs - 1) * stride + extent - size, 0)
            added.append((needed // 2, needed - needed // 2))
        return added

    def _compute_extents(self) -> list[int]:
        """Height and width of the kernel with the holes that dilation makes."""
        return [
            (size - 1) * dilation + 1
            for size, dilation in zip(self.kernel.shape[:2], self.dilation, strict=True)
        ]


def _create_stages(case: ConvCase, kernels: Sequence[np.ndarray]) -> list[_Stage]:
    """The convolutions of a layer, in their order."""
    # One of one dimension is one of two with a height of 1.
    kernel = kernels[0][None] if case.is_1d else kernels[0]
    if case.layer == GROUPED:
        # A group a channel: (kh, kw, 1, channels x multiplier), the multiplier innermost.
        kernel = kernel.reshape(*kernel.shape[:2], case.in_channels, -1)
    is_depthwise = case.is_separable or case.layer in ("depthwise_conv2d", GROUPED)
    stages = [
        _Stage(
            kernel=kernel,
            is_depthwise=is_depthwise,
            strides=case.strides,
            dilation=case.dilation_rate,
            padding=case.padding,
        )
    ]
    if case.is_separable:
        pointwise = kernels[1][None] if case.is_1d else kernels[1]
        stages.append(_Stage(kernel=pointwise, is_depthwise=False))
    return stages


def _move_channels_last(case: ConvCase, array: np.ndarray) -> np.ndarray:
    """(N, H, W, C), whatever the case's format."""
    if case.data_format == "channels_first":
        array = np.moveaxis(array, 1, -1)
    return array[:, None] if case.is_1d else array


def _restore_format(case: ConvCase, array: np.ndarray) -> np.ndarray:
    """(N, H, W, C) in the case's format."""
    array = array[:, 0] if case.is_1d else array
    return np.moveaxis(array, -1, 1) if case.data_format == "channels_first" else array
