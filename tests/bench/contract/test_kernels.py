import pytest

from bench.contract.cases import ConvCase
from bench.contract.kernels import list_roles, name_kernel

DENSE = ["dense forward", "dense input gradient", "dense weight gradient"]
DEPTHWISE = ["depthwise forward", "depthwise input gradient", "depthwise weight gradient"]
POINTWISE = ["pointwise forward", "pointwise input gradient", "pointwise weight gradient"]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"direction": "forward"}, DENSE[:1]),
        ({"direction": "backward"}, DENSE[1:]),
        ({"direction": "train"}, DENSE),
        ({"direction": "train", "input_gradient": False}, DENSE[::2]),
        ({"layer": "separable_conv2d", "direction": "train"}, DEPTHWISE + POINTWISE),
        ({"layer": "separable_conv2d", "direction": "backward"}, DEPTHWISE[1:] + POINTWISE[1:]),
        (
            {"layer": "separable_conv2d", "direction": "train", "input_gradient": False},
            DEPTHWISE[::2] + POINTWISE,
        ),
        ({"layer": "depthwise_conv2d", "direction": "train"}, DEPTHWISE),
        ({"layer": "pointwise_conv2d", "direction": "train", "kernel_size": (1, 1)}, POINTWISE),
    ],
    ids=str,
)
def test_a_case_has_a_kernel_an_operation_and_role(fields, names):
    assert [name_kernel(*kernel) for kernel in list_roles(ConvCase(**fields))] == names
