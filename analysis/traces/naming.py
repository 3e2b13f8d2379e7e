"""A framework's name for an operation -> what it is: its operation and role, and what ran it.

TensorFlow says its types, PyTorch its own operations; of JAX's programs only the structure tells.
"""

from __future__ import annotations

import math
from typing import Any

from analysis.limits.cost import DENSE, DEPTHWISE, FORWARD, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT
from analysis.traces.formats import hlo
from analysis.traces.operations import name_library
from bench.contract.cases import ConvCase

#: The implementation of whatever XLA compiled.
XLA = "xla"
#: Both gradients of a convolution in one operation, where nothing says how much of it is which.
GRADIENTS = "gradients"
REORDER, TRANSPOSE, SPACE_TO_BATCH, MASK = "reorder", "transpose", "space-to-batch", "mask"

#: TensorFlow's convolutions and their roles. oneDNN's and XLA's variants contain these names.
_CONVOLUTIONS = {
    "DepthwiseConv2dNativeBackpropFilter": WEIGHT_GRADIENT,
    "DepthwiseConv2dNativeBackpropInput": INPUT_GRADIENT,
    "DepthwiseConv2dNative": FORWARD,
    "Conv2DBackpropFilter": WEIGHT_GRADIENT,
    "Conv2DBackpropInput": INPUT_GRADIENT,
    "Conv2D": FORWARD,
}
_OTHERS = {
    "Transpose": TRANSPOSE,
    "SpaceToBatchND": SPACE_TO_BATCH,
    "BatchToSpaceND": SPACE_TO_BATCH,
    "BiasAdd": "bias",
    "BiasAddV1": "bias",
    "BiasAddGrad": "bias",
    "Relu": "activation",
    "ReluGrad": "activation",
    "Cast": "cast",
}
#: PyTorch's operations that are no convolution, without their namespace.
_OF_TORCH = {
    **dict.fromkeys(("add", "add_", "sum"), "bias"),
    **dict.fromkeys(("relu", "relu_", "clamp_min", "threshold_backward"), "activation"),
    **dict.fromkeys(("copy_", "clone", "contiguous"), "copy"),
    **dict.fromkeys(("empty", "empty_like", "empty_strided", "resize_", "zeros", "fill_"), "allocate"),
    **dict.fromkeys(("as_strided", "as_strided_", "view", "_reshape_alias", "reshape"), "view"),
    **dict.fromkeys(("permute", "detach", "to", "unsqueeze"), "view"),
}


def describe_operation(
    name: str, kernel: str, *, case: ConvCase, program: hlo.Program | None
) -> dict[str, Any]:
    """What an operation is, by TensorFlow's type of it or by its place in XLA's program: a row's columns.

    Its implementation is the kernel that ran for it on a GPU, with the library that it is from.
    """
    ran = f"{name_library(kernel)}: {kernel}".removeprefix(": ") if kernel else ""
    if program is None or name not in program.entry:
        operation, role = classify_type(name, case)
        return {"operation": operation, "role": role, "name": name, "implementation": ran, "groups": 1}
    op_type = program.op_type(name)
    operation, role = classify_type(op_type or name, case)
    if not op_type and program.multiplies(name):
        operation, role = classify_structure(program, name, case)
    if role and not program.multiplies(name):
        # It helps a convolution, but does not compute it.
        operation, role = program.entry[name].opcode, ""
    if not role and program.masks(name):
        operation = MASK
    elif not role and program.only_moves(name):
        operation = TRANSPOSE
    return {
        "operation": operation,
        "role": role,
        "name": f"{name} ({op_type})" if op_type else name,
        "implementation": ran or XLA,
        "groups": program.entry[name].groups,
    }


def classify_type(raw: str, case: ConvCase) -> tuple[str, str]:
    """(operation, role) of TensorFlow's ``raw`` type: ``_MklNativeFusedConv2D`` is a Conv2D.

    Or of PyTorch's operation, with the shape of its weights: ``aten::convolution_backward 64x1x3x3``.
    """
    if "::" in raw:
        return _of_torch(raw, case)
    known = next((known for known in _CONVOLUTIONS if known in raw), None)
    if known is None:
        return _OTHERS.get(raw.removeprefix("_Mkl").removeprefix("Native"), raw), ""
    if known.startswith("Depthwise"):
        return DEPTHWISE, _CONVOLUTIONS[known]
    pointwise = case.is_separable or case.layer == "pointwise_conv2d"
    return POINTWISE if pointwise else DENSE, _CONVOLUTIONS[known]


def _of_torch(raw: str, case: ConvCase) -> tuple[str, str]:
    name, _, weights = raw.partition(" ")
    plain = name.partition("::")[2]
    if "conv" not in plain:
        return _OF_TORCH.get(plain, raw), ""
    if case.is_separable:
        shape = [int(size) for size in weights.split("x") if size]
        # A group a channel, or more than a pixel, is the depthwise part.
        grouped = len(shape) > 1 and shape[1] == 1 and case.in_channels * case.depth_multiplier > 1
        operation = DEPTHWISE if grouped or math.prod(shape[2:]) > 1 else POINTWISE
    else:
        operation = _of_layer(case)
    if "backward" not in plain:
        return operation, FORWARD
    first = not case.input_gradient and operation != POINTWISE
    return operation, WEIGHT_GRADIENT if first else GRADIENTS


def classify_structure(program: hlo.Program, name: str, case: ConvCase) -> tuple[str, str]:
    """(operation, role) of a multiplication in a program that does not say TensorFlow's types, such as JAX's.

    Gradients are what JAX has transposed; those of weights have the weights' sizes in some order, or those
    of a depthwise kernel's dense equivalent, which XLA computes on CPU and masks.
    """
    found = program.multiplication(name)
    is_gradient = "transpose(" in program.op_name(name)
    between = case.in_channels * case.depth_multiplier
    window = tuple(size for size in case.kernel_size if size > 1)
    channels = between if case.is_separable else case.in_channels
    weights = {
        DEPTHWISE: (_sizes(*window, between), _sizes(*window, between, case.in_channels)),
        POINTWISE: (_sizes(channels, case.filters),),
        DENSE: (_sizes(*window, case.in_channels, case.filters),),
    }
    operations = (DEPTHWISE, POINTWISE) if case.is_separable else (_of_layer(case),)
    of_weights = [operation for operation in operations if _sizes(*found.shape) in weights[operation]]
    # A product with a row a pixel is an image, even where it has as many columns as the weights.
    height, width = case.output_size
    is_image = found.opcode == "dot" and found.shape[:1] == (case.batch * height * width,)
    if is_gradient and of_weights and not is_image:
        # With a 1x1 kernel the two parts may look alike: then it is called pointwise.
        return of_weights[-1], WEIGHT_GRADIENT
    role = INPUT_GRADIENT if is_gradient else FORWARD
    if not case.is_separable:
        return _of_layer(case), role
    return POINTWISE if found.groups == 1 and math.prod(found.window) == 1 else DEPTHWISE, role


def _sizes(*shape: int) -> tuple[int, ...]:
    """A shape whatever its order, without axes of one."""
    return tuple(sorted(size for size in shape if size > 1))


def _of_layer(case: ConvCase) -> str:
    """The operation of a layer that is a single one."""
    return {"depthwise_conv2d": DEPTHWISE, "pointwise_conv2d": POINTWISE}.get(case.layer, DENSE)
