"""Multiplications, FLOPs, bytes and parameters of a case, in closed form.

Notation of the formulas: N batch; H, W input size; P = N Ho Wo output pixels; Q = N H W input
pixels; k kernel size; C input channels; m depth multiplier; K filters; b bytes an element.

*Nominal* multiplications count every tap of the kernel at every output pixel, as most papers do.
*Effective* ones leave out taps that fall on zero padding, as oneDNN's own benchmark does; FLOPs
here are effective. FLOPs = 2 MACs, and a bias adds one addition for each output element. Bytes
are compulsory traffic: every element that is needed read or written once, a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bench.contract.cases import ConvCase

FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT = "forward", "input_gradient", "weight_gradient"
DENSE, DEPTHWISE, POINTWISE = "dense", "depthwise", "pointwise"


@dataclass(frozen=True)
class Kernel:
    """One of the operations that a case cannot do without."""

    operation: str
    role: str
    nominal_macs: int
    effective_macs: int
    #: Additions of the bias, or of its gradient.
    bias_additions: int
    bytes: int

    @property
    def flops(self) -> int:
        return 2 * self.effective_macs + self.bias_additions

    @property
    def intensity(self) -> float:
        """FLOPs a byte."""
        return self.flops / self.bytes


@cache
def list_kernels(case: ConvCase) -> tuple[Kernel, ...]:
    """The operations of ``case``, each on its own: a separable layer writes its intermediate and reads it.

    A first layer (``input_gradient=False``) trains with 2 of them when dense and with 5 when
    separable, since the pointwise part still has to hand a gradient to the depthwise weights.
    """
    roles = _roles(case)
    if not case.is_separable:
        operation = {"depthwise_conv2d": DEPTHWISE, "pointwise_conv2d": POINTWISE}.get(case.layer, DENSE)
        return tuple(_kernel(case, operation, role, case.use_bias) for role in roles)
    depthwise = tuple(_kernel(case, DEPTHWISE, role, False) for role in roles)
    pointwise = tuple(_kernel(case, POINTWISE, role, case.use_bias) for role in _roles(case, always=True))
    return depthwise + pointwise


def count_flops(case: ConvCase) -> int:
    return sum(kernel.flops for kernel in list_kernels(case))


def count_nominal_macs(case: ConvCase) -> int:
    return sum(kernel.nominal_macs for kernel in list_kernels(case))


def count_bytes(case: ConvCase) -> int:
    """Compulsory traffic of all kernels of ``case``."""
    return sum(kernel.bytes for kernel in list_kernels(case))


def count_parameters(case: ConvCase) -> int:
    """Trainable parameters, bias included."""
    window = case.kernel_size[0] * case.kernel_size[1]
    between = case.in_channels * case.depth_multiplier
    weights = {
        "depthwise_conv2d": window * between,
        "separable_conv2d": window * between + between * case.filters,
        "separable_conv1d": window * between + between * case.filters,
    }.get(case.layer, window * case.in_channels * case.filters)
    return weights + (case.filters if case.use_bias else 0)


def _roles(case: ConvCase, always: bool = False) -> tuple[str, ...]:
    gradients = (INPUT_GRADIENT, WEIGHT_GRADIENT) if case.input_gradient or always else (WEIGHT_GRADIENT,)
    return {"forward": (FORWARD,), "backward": gradients, "train": (FORWARD, *gradients)}[case.direction]


def _kernel(case: ConvCase, operation: str, role: str, bias: bool) -> Kernel:
    """One kernel; its three roles cost the same multiplications and touch the same three tensors.

    Pixels of the input that no window covers need not be read, but an input gradient is written whole.
    """
    height, width = case.output_size
    outputs = case.batch * height * width
    inputs = case.batch * (case.height * case.width if role == INPUT_GRADIENT else count_covered_pixels(case))
    between = case.in_channels * case.depth_multiplier
    window = case.kernel_size[0] * case.kernel_size[1]
    nominal_taps, effective_taps = (
        case.batch * count_nominal_taps(case),
        case.batch * count_effective_taps(case),
    )
    if operation == POINTWISE:
        # Alone it is a 1x1 layer of its own; inside a separable layer it starts from the intermediate.
        channels = between if case.is_separable else case.in_channels
        reads = outputs if case.is_separable else inputs
        macs = (outputs * channels * case.filters,) * 2
        elements = reads * channels + channels * case.filters + outputs * case.filters
        filters = case.filters
    elif operation == DEPTHWISE:
        macs = (nominal_taps * between, effective_taps * between)
        elements = inputs * case.in_channels + window * between + outputs * between
        filters = between
    else:
        macs = tuple(taps * case.in_channels * case.filters for taps in (nominal_taps, effective_taps))
        elements = (
            inputs * case.in_channels + window * case.in_channels * case.filters + outputs * case.filters
        )
        filters = case.filters
    additions = outputs * filters if bias and role != INPUT_GRADIENT else 0
    return Kernel(operation, role, *macs, additions, elements * case.item_bytes)


def count_nominal_taps(case: ConvCase) -> int:
    """Taps of the kernel over all output pixels of one image and one channel: Ho Wo k^2."""
    height, width = case.output_size
    return height * case.kernel_size[0] * width * case.kernel_size[1]


def count_effective_taps(case: ConvCase) -> int:
    """The same without those on zero padding."""
    rows, columns = (len(taps) for taps in _axes(case))
    return rows * columns


def count_covered_pixels(case: ConvCase) -> int:
    """Pixels of one image that some window covers: fewer than all where a stride steps over some."""
    rows, columns = (len(set(taps)) for taps in _axes(case))
    return rows * columns


def _axes(case: ConvCase) -> tuple[tuple[int, ...], ...]:
    """For height and width, the input positions that the taps of all windows fall on."""
    return tuple(
        _positions(size, kernel, stride, dilation, case.padding)
        for size, kernel, stride, dilation in zip(
            (case.height, case.width), case.kernel_size, case.strides, case.dilation_rate, strict=True
        )
    )


@cache
def _positions(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, ...]:
    """o s - before + f d for every output o and tap f of one axis, where it lies inside [0, size)."""
    extent = (kernel - 1) * dilation + 1
    if padding == "same":
        outputs = -(-size // stride)
        before = max((outputs - 1) * stride + extent - size, 0) // 2
    else:
        outputs, before = (size - extent) // stride + 1, 0
    taps = (o * stride - before + f * dilation for o in range(outputs) for f in range(kernel))
    return tuple(position for position in taps if 0 <= position < size)
