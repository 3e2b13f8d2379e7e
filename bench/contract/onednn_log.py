"""oneDNN's log of the primitives that ran, and which of its implementations ran each kernel of a case.

The log is what oneDNN prints where ``ONEDNN_VERBOSE`` is set, a line an execution; see its developer guide,
"Verbose Mode". With ``dispatch`` it also says which implementations refused a primitive, before the line of
what ran. ``bench.tracing`` captures it, and puts a line of its own before each step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bench.contract.cases import ConvCase
from bench.contract.kernels import (
    DENSE,
    DEPTHWISE,
    FORWARD,
    INPUT_GRADIENT,
    POINTWISE,
    WEIGHT_GRADIENT,
    list_roles,
    name_kernel,
)
from bench.contract.trace_folder import STEP_NAME

#: oneDNN's word for a primitive that is a kernel of some case.
CONVOLUTION = "convolution"
_ROLES = {
    "forward_training": FORWARD,
    "forward_inference": FORWARD,
    "backward_data": INPUT_GRADIENT,
    "backward_weights": WEIGHT_GRADIENT,
}
#: What a line of an execution begins with, in oneDNN 2 and 3.
_PREFIX = re.compile(r"^(?:onednn|dnnl)_verbose,(?:v\d,)?(?:primitive,)?exec,cpu,")
#: A line that tells of an execution, in whatever form. What oneDNN runs as a graph, it also logs primitive by
#: primitive.
_ANY_EXECUTION = re.compile(r"^(?:onednn|dnnl)_verbose,(?!.*\bgraph,exec\b).*\bexec\b")
#: An implementation that does not take a convolution; what follows are the reason and the place.
_REFUSAL = re.compile(
    rf"^(?:onednn|dnnl)_verbose,(?:v\d,)?(?:primitive,)?create:dispatch,{CONVOLUTION},(.*)$"
)
_PLACE = re.compile(r"[^\s,]+:\d+")
#: Some lines describe the primitive first, in so many fields: from its engine to its problem.
_DESCRIPTION = ("cpu,", "gpu,")
_DESCRIBING_FIELDS = 8
_KERNEL = re.compile(r"kh(\d+).*kw(\d+)")
#: Groups, images, channels in and out of a convolution.
_PROBLEM = re.compile(r"^(?:g(\d+))?mb(\d+)_ic(\d+)oc(\d+)")
#: Other primitives that may compute a convolution. Their lines do not say which of several.
_SUBSTITUTES = ("matmul", "inner_product", "deconvolution")
#: No longer name is saved: ``schema.json`` allows none.
_LONGEST_NAME = 200


class LogError(ValueError):
    """What is wrong with a log, or what a line of it is instead of an execution."""


@dataclass(frozen=True)
class Execution:
    """One line of the log: a primitive that ran once."""

    #: oneDNN's word: convolution, reorder, eltwise.
    primitive: str
    #: What ran it: ``jit_dw:avx2``. Empty for a product that oneDNN computed for somebody's own convolution.
    implementation: str
    #: Which kernel of the case a convolution is; both are empty for all else.
    operation: str
    role: str
    #: oneDNN's descriptions of its sizes and of its tensors' memory formats.
    problem: str
    formats: str
    seconds: float


def parse_execution(line: str, case: ConvCase) -> Execution | None:
    """The execution that ``line`` of the log of ``case`` tells of; ``None`` where it tells of none on CPU.

    Raises :class:`LogError`, which says what the line is instead, where it is damaged or of another case.
    """
    if not _PREFIX.match(line):
        return None
    fields = _PREFIX.sub("", line).split(",")
    if len(fields) < 6:
        raise LogError("no execution of a primitive")
    primitive, implementation, propagation, formats = fields[:4]
    problem, milliseconds = fields[-2:]
    try:
        seconds = float(milliseconds) / 1e3
    except ValueError:
        raise LogError("no execution of a primitive") from None
    operation, role = "", ""
    if primitive == CONVOLUTION:
        operation, role = _find_operation(problem, case), _ROLES.get(propagation, propagation)
    return Execution(primitive, implementation, operation, role, problem, formats, seconds)


class Refusal(NamedTuple):
    """One implementation that did not take a primitive, in oneDNN's words; empty where it has none."""

    reason: str
    #: File and line of oneDNN's sources.
    place: str


def find_refusals(lines: Iterable[str], case: ConvCase) -> dict[tuple[str, str], tuple[Refusal, ...]]:
    """What oneDNN refused before each kernel of ``case`` ran first, by (operation, role), each once.

    oneDNN names no primitive in these lines, but prints them while it creates one, which runs next. Some
    primitives need another to be created before them, a gradient the convolution forward: what that one's
    implementations refused is among them. Kernels that ran without a refusal have an empty tuple. A line that
    is damaged, or of another case, is no kernel's.
    """
    found: dict[tuple[str, str], tuple[Refusal, ...]] = {}
    refused: list[Refusal] = []
    for line in lines:
        refusal = parse_refusal(line)
        if refusal:
            refused.append(refusal)
            continue
        try:
            execution = parse_execution(line, case)
        except LogError:
            refused = []
            continue
        if execution and execution.primitive == CONVOLUTION:
            found.setdefault((execution.operation, execution.role), tuple(dict.fromkeys(refused)))
            refused = []
    return found


def parse_refusal(line: str) -> Refusal | None:
    """The refused convolution that ``line`` of a log tells of; ``None`` where it tells of none."""
    matched = _REFUSAL.match(line)
    if not matched:
        return None
    said, _, place = matched[1].rpartition(",")
    if not _PLACE.fullmatch(place):
        said, place = matched[1], ""
    if said.startswith(_DESCRIPTION):
        said = ",".join(said.split(",")[_DESCRIBING_FIELDS:])
    return Refusal(said.strip()[:_LONGEST_NAME], place[:_LONGEST_NAME])


def find_implementations(log: str, case: ConvCase) -> dict[str, str | None]:
    """Each kernel of ``case`` by its name, with what ran it in the steps of ``log``.

    Several implementations are joined with " + "; ``None`` where oneDNN did not run the kernel. A kernel is
    left out where another primitive of the log may have run it, or another one. Raises :class:`LogError`
    where the log has no steps, or a line that is not understood.
    """
    executions = _parse_steps(log, case)
    kernels = list_roles(case)
    found = {
        kernel: {each.implementation for each in executions if (each.operation, each.role) == kernel}
        for kernel in kernels
    }
    substitutes = {each.implementation for each in executions if each.primitive in _SUBSTITUTES}
    if len(kernels) == 1 and not found[kernels[0]]:
        # Where there is one kernel, whatever computes a convolution computes that.
        found[kernels[0]] = substitutes
    elif substitutes:
        found = {kernel: names for kernel, names in found.items() if names}
    return {
        name_kernel(*kernel): " + ".join(sorted(names - {""}))[:_LONGEST_NAME] or None
        for kernel, names in found.items()
    }


def _parse_steps(log: str, case: ConvCase) -> list[Execution]:
    """What ran in the steps of ``log``. Before the first, the case was made ready, which runs more."""
    lines = log.splitlines()
    first = next((place for place, line in enumerate(lines) if line.startswith(f"{STEP_NAME} ")), None)
    if first is None:
        raise LogError("oneDNN's log does not say where its steps begin")
    found = []
    for line in lines[first:]:
        try:
            execution = parse_execution(line, case)
            if not execution and _ANY_EXECUTION.match(line):
                raise LogError(f"an execution in a form that is not known: {line[:200]}")
        except LogError as error:
            raise LogError(f"a line of oneDNN's log is {error}") from None
        if execution:
            found.append(execution)
    return found


def _find_operation(problem: str, case: ConvCase) -> str:
    """The operation of ``case`` that a convolution is. Raises :class:`LogError` where it is none."""
    try:
        operation = _guess_operation(problem, case)
        fits = _fits_case(problem, operation, case)
    except ValueError:  # a number of more digits than Python reads
        fits = False
    if not fits:
        raise LogError(f"a convolution of another case: {problem[:200]}")
    return operation


def _guess_operation(problem: str, case: ConvCase) -> str:
    """The operation, if any; in a separable layer, one with groups or above 1x1 is depthwise."""
    if case.layer == "pointwise_conv2d":
        return POINTWISE
    if case.layer == "depthwise_conv2d":
        return DEPTHWISE
    if not case.is_separable:
        return DENSE
    kernel = _KERNEL.search(problem)
    is_one_pixel = kernel is not None and int(kernel[1]) == int(kernel[2]) == 1
    return POINTWISE if is_one_pixel and not problem.startswith("g") else DEPTHWISE


def _fits_case(problem: str, operation: str, case: ConvCase) -> bool:
    """Whether a convolution has the groups and channels of this operation of ``case``."""
    found = _PROBLEM.match(problem)
    if not found:
        return False
    groups, inputs, outputs = int(found[1] or 1), int(found[3]), int(found[4])
    between = case.in_channels * case.depth_multiplier
    if operation == DEPTHWISE:
        return (groups, inputs, outputs) == (case.in_channels, case.in_channels, between)
    expected_inputs = between if case.is_separable else case.in_channels
    return (groups, inputs, outputs) == (1, expected_inputs, case.filters)
