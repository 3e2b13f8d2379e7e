"""Which arms of which kernels are measured to find out why a kernel is slow.

An arm is one way of running a kernel; ``bench/contract/experiments.py`` names them all. Every arm changes one
thing of another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.contract import experiments as names
from bench.contract.cases import CAUSAL, GROUPED, SPLIT, ConvCase, split_parts
from bench.contract.kernels import DENSE, DEPTHWISE, FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, list_roles

_HALF_PRECISION = ("float16", "bfloat16")
#: Bytes of a vector register by what oneDNN calls the processor's instructions; else a narrow one.
_VECTOR_BYTES = {
    "AVX-512": 64,
    "AVX512": 64,
    "AVX10": 64,
    "AMX": 64,
    "AVX": 32,
    "SVE (512": 64,
    "SVE (256": 32,
}
_NARROW_BYTES = 16
#: Input and output together, in bytes, fit the second cache of a core.
_SMALL_BYTES = 2**18
_LEAST_SIDE = 4
#: (images, side, channels) that suit a kernel: small enough for a core's cache, whole vectors, long loops.
_FRIENDLY = ((2, 16, 64), (1, 28, 128), (4, 14, 256))


@dataclass(frozen=True)
class Conditions:
    """What decides which arms there are: the backend, oneDNN, its instructions and the threads."""

    backend: str
    has_onednn: bool
    isa: str
    threads: int

    @classmethod
    def of(cls, environment: Mapping[str, Any], threads: int) -> Conditions:
        """From ``machine_info.environment`` as it is saved."""
        details = environment.get("onednn_details") or {}
        return cls(environment["backend"], environment["onednn"] == "on", details.get("isa") or "", threads)

    @property
    def vector_bytes(self) -> int:
        return next((size for name, size in _VECTOR_BYTES.items() if name in self.isa), _NARROW_BYTES)

    def list_processes(self) -> dict[str, dict[str, str]]:
        """The processes that can take turns here, each with the variables that make it differ."""
        processes: dict[str, dict[str, str]] = {names.AS_IS: {}}
        if self.threads > 1:
            processes[names.SINGLE_THREAD] = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
        if self.has_onednn and self.backend == "tensorflow":
            processes[names.WITHOUT_ONEDNN] = {"TF_ENABLE_ONEDNN_OPTS": "0"}
        if self.has_onednn and self.vector_bytes == 64 and "SVE" not in self.isa:
            processes[names.NARROWER_VECTORS] = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
        return processes


@dataclass(frozen=True)
class PlannedArm:
    """An arm to measure: ``case`` in ``process``, as a kernel of this ``role``; whole where it is empty."""

    arm: str
    process: str
    case: ConvCase
    role: str = ""
    setting: str = ""


@dataclass(frozen=True)
class PlannedKernel:
    """A kernel alone, ``case`` (see :func:`isolate_kernel`), and its name."""

    operation: str
    role: str
    case: ConvCase


def isolate_kernel(case: ConvCase, operation: str, role: str) -> ConvCase | None:
    """The layer that has only this kernel of ``case``; ``None`` where there is no such layer.

    It has no bias and no activation. Forward is the layer's own; a weight gradient is the backward pass of a
    first layer; an input gradient that of a frozen one, which the caller has to freeze.
    """
    if case.layer in (GROUPED, SPLIT) or case.padding == CAUSAL:
        return None
    return dataclasses.replace(
        _find_part(case, operation),
        direction="forward" if role == FORWARD else "backward",
        input_gradient=role != WEIGHT_GRADIENT,
        use_bias=False,
        activation=None,
    )


def _find_part(case: ConvCase, operation: str) -> ConvCase:
    """The layer of this operation alone; of a 1-D layer as one row of an image, which it computes as."""
    if case.is_separable:
        depthwise, pointwise = split_parts(dataclasses.replace(case, layer="separable_conv2d"))
        return depthwise if operation == DEPTHWISE else pointwise
    return dataclasses.replace(case, layer="conv2d") if operation == DENSE else case


def group_cases(cases: Sequence[ConvCase]) -> list[list[ConvCase]]:
    """Cases of the same layer and shape in several directions, whose kernels are the same, together."""
    groups: dict[ConvCase, list[ConvCase]] = {}
    for case in cases:
        groups.setdefault(dataclasses.replace(case, direction="train"), []).append(case)
    return list(groups.values())


def list_kernels(cases: Sequence[ConvCase]) -> list[PlannedKernel]:
    """The kernels of ``cases`` (see :func:`group_cases`) that can run alone, each once."""
    found: dict[PlannedKernel, None] = {}
    for case in cases:
        for operation, role in list_roles(case):
            alone = isolate_kernel(case, operation, role)
            if alone is not None:
                found[PlannedKernel(operation, role, alone)] = None
    return list(found)


def list_arms(kernel: PlannedKernel, conditions: Conditions) -> Iterator[PlannedArm]:
    """The arms of ``kernel``, but for those inside a step and of friendly shapes."""
    processes = conditions.list_processes() if kernel.case.device.startswith("CPU") else {names.AS_IS: {}}

    def plan(arm: str, process: str = names.AS_IS, setting: str = "", **changes: Any) -> PlannedArm:
        return PlannedArm(arm, process, dataclasses.replace(kernel.case, **changes), kernel.role, setting)

    batch = kernel.case.batch
    yield plan(names.ALONE)
    yield plan(names.COPY)
    yield plan(names.BATCH_2, batch=2 * batch)
    yield plan(names.BATCH_4, batch=4 * batch)
    alone = names.SINGLE_THREAD if names.SINGLE_THREAD in processes else names.AS_IS
    if alone == names.SINGLE_THREAD:
        yield plan(names.ONE_THREAD, alone)
        yield plan(names.ONE_THREAD_BATCH_4, alone, batch=4 * batch)
    small = _shrink(kernel.case)
    if small != kernel.case:
        yield PlannedArm(names.SMALL_DATA, alone, small, kernel.role)
    if conditions.isa and kernel.case.device.startswith("CPU"):
        rounded = _round_channels(kernel.case, conditions.vector_bytes // kernel.case.item_bytes)
        if rounded != kernel.case:
            yield PlannedArm(names.WHOLE_LANES, alone, rounded, kernel.role)
    for setting, changes in _list_settings(kernel, conditions):
        yield plan(names.OTHER, setting=setting, **changes)
    if kernel.case.mode != "xla":
        if names.WITHOUT_ONEDNN in processes and kernel.case.data_format == "channels_last":
            yield plan(names.OTHER, names.WITHOUT_ONEDNN, names.NO_ONEDNN)
        if names.NARROWER_VECTORS in processes:
            yield plan(names.OTHER, names.NARROWER_VECTORS, names.AVX2)


def _list_settings(kernel: PlannedKernel, conditions: Conditions) -> Iterator[tuple[str, dict[str, Any]]]:
    """Other implementations of the same work in the same process: their names and what they change."""
    case = kernel.case
    if case.dtype in _HALF_PRECISION:
        yield names.FLOAT32, {"dtype": "float32"}
    if case.mode == "xla" and conditions.backend in ("tensorflow", "torch"):
        yield names.GRAPH_MODE, {"mode": "graph"}
    if case.data_format == "channels_first":
        yield names.LAST_CHANNELS, {"data_format": "channels_last"}
    if kernel.operation == DEPTHWISE and case.depth_multiplier > 1:
        yield names.ONE_MULTIPLIER, {"depth_multiplier": 1, "filters": case.in_channels}
    if kernel.operation == DEPTHWISE and max(case.kernel_size) > 3:
        yield names.THREE_WIDE, {"kernel_size": tuple(min(side, 3) for side in case.kernel_size)}


def _shrink(case: ConvCase) -> ConvCase:
    """``case`` with as many images, or with images as small, as fit a core's cache; channels stay.

    The case itself where none would fit.
    """
    small = case
    while count_image_bytes(small) > _SMALL_BYTES:
        if small.batch > 1:
            fitting = _SMALL_BYTES * small.batch // count_image_bytes(small)
            small = dataclasses.replace(small, batch=max(1, fitting))
            continue
        least = [max(_LEAST_SIDE, extent) for extent in small.dilated_kernel]
        height = min(small.height, max(least[0], small.height // 2))
        width = min(small.width, max(least[1], small.width // 2))
        if (height, width) == (small.height, small.width):
            return case
        small = dataclasses.replace(small, height=height, width=width)
    return small


def count_image_bytes(case: ConvCase) -> int:
    """Bytes of the input and the output."""
    height, width = case.output_size
    elements = case.height * case.width * case.in_channels + height * width * case.filters
    return case.batch * elements * case.item_bytes


def _round_channels(case: ConvCase, lanes: int) -> ConvCase:
    """``case`` with whole vectors of channels."""

    def round_up(channels: int) -> int:
        return -(-channels // lanes) * lanes

    inputs = round_up(case.in_channels)
    is_depthwise = case.layer == "depthwise_conv2d"
    filters = inputs * case.depth_multiplier if is_depthwise else round_up(case.filters)
    return dataclasses.replace(case, in_channels=inputs, filters=filters)


def list_friendly(kernel: PlannedKernel, conditions: Conditions) -> list[PlannedArm]:
    """Shapes that suit kernels of this kind: window, strides, dtype and mode stay as they are.

    They are of the size of a core's cache, so there are none for a GPU.
    """
    if not kernel.case.device.startswith("CPU"):
        return []
    process = names.SINGLE_THREAD if conditions.threads > 1 else names.AS_IS
    arms = []
    for batch, side, channels in _FRIENDLY:
        filters = channels * kernel.case.depth_multiplier if kernel.operation == DEPTHWISE else channels
        height, width = (1, side * side) if kernel.case.height == 1 else (side, side)
        size = {"batch": batch, "height": height, "width": width, "in_channels": channels, "filters": filters}
        case = dataclasses.replace(kernel.case, **size, padding="same")
        arms.append(PlannedArm(names.FRIENDLY, process, case, kernel.role))
    return arms


def is_frozen(role: str) -> bool:
    """Whether a kernel of this role alone is that of a layer without gradients of weights."""
    return role == INPUT_GRADIENT
