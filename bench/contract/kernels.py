"""The kernels that a case cannot do without, by name: what ``bench`` finds out and ``analysis`` counts."""

from __future__ import annotations

from bench.contract.cases import GROUPED, SPLIT, ConvCase

FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT = "forward", "input_gradient", "weight_gradient"
DENSE, DEPTHWISE, POINTWISE = "dense", "depthwise", "pointwise"


def list_roles(case: ConvCase) -> tuple[tuple[str, str], ...]:
    """The kernels of ``case`` as (operation, role), each once.

    A first layer (``input_gradient=False``) trains with 2 kernels when dense and with 5 when separable: the
    pointwise part still has to hand a gradient to the depthwise weights.
    """
    roles = _list_roles(case.direction, case.input_gradient)
    if case.is_separable or case.layer == SPLIT:
        depthwise = [(DEPTHWISE, role) for role in roles]
        pointwise = [(POINTWISE, role) for role in _list_roles(case.direction, input_gradient=True)]
        return (*depthwise, *pointwise)
    if case.layer in ("depthwise_conv2d", GROUPED):
        operation = DEPTHWISE
    else:
        operation = POINTWISE if case.layer == "pointwise_conv2d" else DENSE
    return tuple((operation, role) for role in roles)


def _list_roles(direction: str, input_gradient: bool) -> tuple[str, ...]:
    gradients = (INPUT_GRADIENT, WEIGHT_GRADIENT) if input_gradient else (WEIGHT_GRADIENT,)
    return {"forward": (FORWARD,), "backward": gradients, "train": (FORWARD, *gradients)}[direction]


def name_kernel(operation: str, role: str) -> str:
    """A kernel in words, as saved files name it: ``depthwise weight gradient``."""
    return f"{operation} {role.replace('_', ' ')}"
