"""A framework's name for an operation -> what it is: its operation and role, and what ran it.

TensorFlow gives types of operations, and PyTorch its own operations. JAX's programs have neither: there
the shapes of the program's instructions tell.
"""

from __future__ import annotations

import math
import re
from typing import Any

from analysis.traces.formats import hlo
from analysis.traces.libraries import name_library
from analysis.traces.operations import Operation
from bench.contract.cases import ConvCase
from bench.contract.kernels import DENSE, DEPTHWISE, FORWARD, INPUT_GRADIENT, POINTWISE, WEIGHT_GRADIENT

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
_TORCH_OTHERS = {
    "add": "bias",
    "add_": "bias",
    "sum": "bias",
    "relu": "activation",
    "relu_": "activation",
    "clamp_min": "activation",
    "threshold_backward": "activation",
    "copy_": "copy",
    "clone": "copy",
    "contiguous": "copy",
    "empty": "allocate",
    "empty_like": "allocate",
    "empty_strided": "allocate",
    "resize_": "allocate",
    "zeros": "allocate",
    "fill_": "allocate",
    "as_strided": "view",
    "as_strided_": "view",
    "view": "view",
    "_reshape_alias": "view",
    "reshape": "view",
    "permute": "view",
    "detach": "view",
    "to": "view",
    "unsqueeze": "view",
}
#: The shape of a convolution's weights, as ``formats.chrome`` writes it: (filters, inputs of a group, ...).
_TORCH_WEIGHTS = re.compile(r"\d{1,18}(?:x\d{1,18})*", re.ASCII)


def describe_operation(operation: Operation, case: ConvCase, program: hlo.Program | None) -> dict[str, Any]:
    """What an operation is: ``operation``, ``role``, ``name``, ``implementation`` and ``groups`` of a row.

    It is known by TensorFlow's type, by PyTorch's operation or, where ``program`` holds it, by its place
    there. The implementation is the kernel that ran for it on a GPU, with the library that it is from.
    """
    implementation = _name_implementation(operation.kernel)
    if program is not None and operation.name in program.entry:
        return _describe_instruction(operation.name, implementation or XLA, case, program)
    kind, role = classify_type(operation.name, case)
    return {
        "operation": kind,
        "role": role,
        "name": operation.name,
        "implementation": implementation,
        "groups": 1,
    }


def _name_implementation(kernel: str) -> str:
    library = name_library(kernel)
    return f"{library}: {kernel}" if kernel and library else kernel


def _describe_instruction(
    name: str, implementation: str, case: ConvCase, program: hlo.Program
) -> dict[str, Any]:
    op_type = program.find_op_type(name)
    multiplies = program.multiplies(name)
    if multiplies and not op_type:
        operation, role = classify_structure(program, name, case)
    else:
        operation, role = classify_type(op_type or name, case)
    if role and not multiplies:
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
        "implementation": implementation,
        "groups": program.entry[name].groups,
    }


def classify_type(raw: str, case: ConvCase) -> tuple[str, str]:
    """(operation, role) of TensorFlow's type or PyTorch's operation ``raw``; no role without a convolution.

    oneDNN's variants are known too: ``_MklNativeFusedConv2D`` is a Conv2D. A convolution of PyTorch's
    comes with the shape of its weights: ``aten::convolution_backward 64x1x3x3``.
    """
    if "::" in raw:
        return _classify_torch(raw, case)
    for known, role in _CONVOLUTIONS.items():
        if known in raw:
            return _find_convolution(known, case), role
    return _OTHERS.get(raw.removeprefix("_Mkl").removeprefix("Native"), raw), ""


def _find_convolution(known: str, case: ConvCase) -> str:
    """The operation of ``case`` that TensorFlow's convolution ``known`` computes."""
    if known.startswith("Depthwise"):
        return DEPTHWISE
    return POINTWISE if case.is_separable or case.layer == "pointwise_conv2d" else DENSE


def _classify_torch(raw: str, case: ConvCase) -> tuple[str, str]:
    name, _, weights = raw.partition(" ")
    plain = name.partition("::")[2]
    if "conv" not in plain:
        return _TORCH_OTHERS.get(plain, raw), ""
    operation = _find_torch_part(weights, case) if case.is_separable else _find_single_operation(case)
    if "backward" not in plain:
        return operation, FORWARD
    only_weights = not case.input_gradient and operation != POINTWISE
    return operation, WEIGHT_GRADIENT if only_weights else GRADIENTS


def _find_torch_part(weights: str, case: ConvCase) -> str:
    """The part of a separable layer whose weights have this shape; pointwise where none is known."""
    if not _TORCH_WEIGHTS.fullmatch(weights):
        return POINTWISE
    shape = [int(size) for size in weights.split("x")]
    # A group a channel, or more than a pixel, is the depthwise part.
    has_groups = len(shape) > 1 and shape[1] == 1 and case.in_channels * case.depth_multiplier > 1
    return DEPTHWISE if has_groups or math.prod(shape[2:]) > 1 else POINTWISE


def classify_structure(program: hlo.Program, name: str, case: ConvCase) -> tuple[str, str]:
    """(operation, role) of an instruction that multiplies, in a program without TensorFlow's types (JAX's).

    Gradients are what JAX has transposed. A gradient of weights has the weights' sizes in some order, or
    those of the dense equivalent of a depthwise kernel, which XLA computes on CPU and masks.
    """
    found = program.find_multiplication(name)
    if found is None:
        raise ValueError(f"{name} multiplies nothing")
    is_gradient = "transpose(" in program.find_op_name(name)
    if is_gradient and not _is_image(found, case):
        of_weights = _find_operations_of_weights(found.shape, case)
        if of_weights:
            # With a 1x1 kernel the two parts may look alike: then it is called pointwise.
            return of_weights[-1], WEIGHT_GRADIENT
    role = INPUT_GRADIENT if is_gradient else FORWARD
    if not case.is_separable:
        return _find_single_operation(case), role
    is_pointwise = found.groups == 1 and math.prod(found.window) == 1
    return POINTWISE if is_pointwise else DEPTHWISE, role


def _is_image(found: hlo.Instruction, case: ConvCase) -> bool:
    """Whether it is a product with a row a pixel: an image, even with as many columns as the weights."""
    height, width = case.output_size
    return found.opcode == "dot" and found.shape[:1] == (case.batch * height * width,)


def _find_operations_of_weights(shape: tuple[int, ...], case: ConvCase) -> list[str]:
    """The operations of ``case`` whose weights have these sizes, depthwise before pointwise."""
    window = tuple(size for size in case.kernel_size if size > 1)
    between = case.in_channels * case.depth_multiplier
    channels = between if case.is_separable else case.in_channels
    weights: dict[str, list[tuple[int, ...]]] = {
        DEPTHWISE: [(*window, between), (*window, between, case.in_channels)],
        POINTWISE: [(channels, case.filters)],
        DENSE: [(*window, case.in_channels, case.filters)],
    }
    operations = [DEPTHWISE, POINTWISE] if case.is_separable else [_find_single_operation(case)]
    sizes = _sort_sizes(shape)
    return [
        operation
        for operation in operations
        if sizes in [_sort_sizes(possible) for possible in weights[operation]]
    ]


def _sort_sizes(shape: tuple[int, ...]) -> list[int]:
    """A shape whatever its order, without axes of one."""
    return sorted(size for size in shape if size > 1)


def _find_single_operation(case: ConvCase) -> str:
    """The operation of a layer that is a single one."""
    if case.layer == "depthwise_conv2d":
        return DEPTHWISE
    return POINTWISE if case.layer == "pointwise_conv2d" else DENSE
