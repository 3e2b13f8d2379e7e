"""Multiplications, FLOPs, bytes and parameters of a case, in closed form.

Notation of the formulas: N batch; H, W input size; Ho, Wo output size; P = N Ho Wo output pixels;
Q = N H W input pixels; k kernel size; C input channels; m depth multiplier; K filters; b bytes of
an element. A tap is one position of the kernel at one output pixel. A MAC is one multiplication
with its addition.

*Nominal* MACs count every tap, as most papers do. *Effective* MACs leave out the taps that fall on
zero padding, as oneDNN's own benchmark does. FLOPs = 2 effective MACs; a bias adds one addition for
each output element. Bytes are compulsory traffic, a lower bound: every element that is needed is
read or written once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache

from bench.contract.cases import CAUSAL, GROUPED, SPLIT, ConvCase
from bench.contract.kernels import DENSE, DEPTHWISE, INPUT_GRADIENT, POINTWISE, list_roles


@dataclass(frozen=True)
class Kernel:
    """One operation that a case cannot do without: what it is, and what it costs."""

    operation: str
    role: str
    nominal_macs: int
    effective_macs: int
    #: Additions of the bias, or of its gradient.
    bias_additions: int
    #: Compulsory traffic.
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
    """The operations of ``case``, each on its own.

    A separable layer writes the result of its depthwise part to memory and reads it again.
    """
    if case.layer == SPLIT:
        return _list_kernels_of_split(case)
    count = {DENSE: _count_dense, DEPTHWISE: _count_depthwise, POINTWISE: _count_pointwise}
    return tuple(count[operation](case, role) for operation, role in list_roles(case))


def find_kernel(case: ConvCase, operation: str, role: str) -> Kernel | None:
    """The kernel of ``case`` of this operation and role; ``None`` where it has none."""
    kernels = list_kernels(case)
    return next((one for one in kernels if (one.operation, one.role) == (operation, role)), None)


def _list_kernels_of_split(case: ConvCase) -> tuple[Kernel, ...]:
    """Those of a separable layer, but for m depthwise kernels of multiplier 1 in the place of one of m.

    Each of them reads the input. What joins their results moves more, but a better layer need not.
    """
    separable = dataclasses.replace(case, layer="separable_conv2d")
    single = dataclasses.replace(separable, depth_multiplier=1)
    depthwise = [kernel for kernel in list_kernels(single) if kernel.operation == DEPTHWISE]
    pointwise = [kernel for kernel in list_kernels(separable) if kernel.operation == POINTWISE]
    return (*depthwise * case.depth_multiplier, *pointwise)


def count_flops(case: ConvCase) -> int:
    """FLOPs of all kernels of ``case``."""
    return sum(kernel.flops for kernel in list_kernels(case))


def count_nominal_macs(case: ConvCase) -> int:
    """Nominal MACs of all kernels of ``case``."""
    return sum(kernel.nominal_macs for kernel in list_kernels(case))


def count_bytes(case: ConvCase) -> int:
    """Compulsory traffic of all kernels of ``case``."""
    return sum(kernel.bytes for kernel in list_kernels(case))


def count_parameters(case: ConvCase) -> int:
    """Trainable parameters, bias included."""
    window = case.kernel_size[0] * case.kernel_size[1]
    between = case.in_channels * case.depth_multiplier
    if case.layer in ("depthwise_conv2d", GROUPED):
        weights = window * between
    elif case.is_separable or case.layer == SPLIT:
        weights = window * between + between * case.filters
    else:
        weights = window * case.in_channels * case.filters
    return weights + (case.filters if case.use_bias else 0)


# The three roles of an operation cost the same multiplications and touch the same three tensors.


def _count_dense(case: ConvCase, role: str) -> Kernel:
    """P k^2 C K nominal MACs; input, weights and output are k^2 C K weights and C or K values a pixel."""
    window = case.kernel_size[0] * case.kernel_size[1]
    outputs = _count_output_pixels(case)
    weights = window * case.in_channels * case.filters
    elements = _count_input_pixels(case, role) * case.in_channels + weights + outputs * case.filters
    return Kernel(
        operation=DENSE,
        role=role,
        nominal_macs=case.batch * count_nominal_taps(case) * case.in_channels * case.filters,
        effective_macs=case.batch * count_effective_taps(case) * case.in_channels * case.filters,
        bias_additions=_count_bias_additions(role, outputs * case.filters, case.use_bias),
        bytes=elements * case.item_bytes,
    )


def _count_depthwise(case: ConvCase, role: str) -> Kernel:
    """P k^2 C m nominal MACs; k^2 C m weights, C values an input pixel, C m values an output pixel."""
    window = case.kernel_size[0] * case.kernel_size[1]
    between = case.in_channels * case.depth_multiplier
    outputs = _count_output_pixels(case)
    elements = _count_input_pixels(case, role) * case.in_channels + window * between + outputs * between
    # A separable layer adds its bias once, behind the pointwise part.
    use_bias = case.use_bias and not case.is_separable
    return Kernel(
        operation=DEPTHWISE,
        role=role,
        nominal_macs=case.batch * count_nominal_taps(case) * between,
        effective_macs=case.batch * count_effective_taps(case) * between,
        bias_additions=_count_bias_additions(role, outputs * between, use_bias),
        bytes=elements * case.item_bytes,
    )


def _count_pointwise(case: ConvCase, role: str) -> Kernel:
    """P C K MACs as a layer of its own; P C m K inside a separable layer. No tap falls on padding.

    Inside a separable layer its input is the depthwise part's output, so it has as many pixels.
    """
    outputs = _count_output_pixels(case)
    if case.is_separable:
        channels, inputs = case.in_channels * case.depth_multiplier, outputs
    else:
        channels, inputs = case.in_channels, _count_input_pixels(case, role)
    macs = outputs * channels * case.filters
    elements = inputs * channels + channels * case.filters + outputs * case.filters
    return Kernel(
        operation=POINTWISE,
        role=role,
        nominal_macs=macs,
        effective_macs=macs,
        bias_additions=_count_bias_additions(role, outputs * case.filters, case.use_bias),
        bytes=elements * case.item_bytes,
    )


def _count_output_pixels(case: ConvCase) -> int:
    """P, of the whole batch."""
    height, width = case.output_size
    return case.batch * height * width


def _count_input_pixels(case: ConvCase, role: str) -> int:
    """Input pixels, of the whole batch, that a kernel reads or writes.

    Pixels that no window covers need not be read, but an input gradient is written whole.
    """
    if role == INPUT_GRADIENT:
        return case.batch * case.height * case.width
    return case.batch * count_covered_pixels(case)


def _count_bias_additions(role: str, output_elements: int, use_bias: bool) -> int:
    """One for each output element; the input gradient does not depend on the bias."""
    return output_elements if use_bias and role != INPUT_GRADIENT else 0


def count_nominal_taps(case: ConvCase) -> int:
    """Taps of the kernel over all output pixels of one image and one channel: Ho Wo k^2."""
    height, width = case.output_size
    return height * case.kernel_size[0] * width * case.kernel_size[1]


def count_effective_taps(case: ConvCase) -> int:
    """The same without the taps that fall on zero padding."""
    rows, columns = _list_rows(case), _list_columns(case)
    return len(rows) * len(columns)


def count_covered_pixels(case: ConvCase) -> int:
    """Pixels of one image that some window covers: fewer than all where a stride steps over some."""
    rows, columns = _list_rows(case), _list_columns(case)
    return len(set(rows)) * len(set(columns))


def _list_rows(case: ConvCase) -> tuple[int, ...]:
    """The rows of the input that the taps of all windows fall on, padding left out."""
    return _list_positions(
        case.height, case.kernel_size[0], case.strides[0], case.dilation_rate[0], case.padding
    )


def _list_columns(case: ConvCase) -> tuple[int, ...]:
    """The columns of the input that the taps of all windows fall on, padding left out."""
    return _list_positions(
        case.width, case.kernel_size[1], case.strides[1], case.dilation_rate[1], case.padding
    )


@cache
def _list_positions(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, ...]:
    """o s - before + f d for every output o and tap f of one axis, where it lies inside [0, size).

    s is the stride, d the dilation and ``before`` the padding in front, by Keras's rules.
    """
    extent = (kernel - 1) * dilation + 1
    if padding == "valid":
        outputs = (size - extent) // stride + 1
        before = 0
    else:
        outputs = -(-size // stride)
        needed = max((outputs - 1) * stride + extent - size, 0)
        before = extent - 1 if padding == CAUSAL else needed // 2
    taps = [o * stride - before + f * dilation for o in range(outputs) for f in range(kernel)]
    return tuple(position for position in taps if 0 <= position < size)
