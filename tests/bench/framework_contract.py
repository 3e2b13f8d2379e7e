"""What every framework module promises; ``test_frameworks.py`` runs it once a Keras backend."""

import dataclasses
import json

import numpy as np
import pytest

from bench.contract.cases import DIRECTIONS, DTYPES, MODES, TENSORFLOAT32, ConvCase
from bench.frameworks.interface import Unsupported
from bench.frameworks.loading import load_framework
from bench.machine.environment import collect_environment
from bench.plan.ceilings import EMPTY_CALL, list_ceilings
from bench.workloads.agreement import Disagreement, check_agreement
from bench.workloads.preparing import prepare
from bench.workloads.small_cases import find_small_case

FRAMEWORK = load_framework()
LAYERS = ["conv2d", "separable_conv2d", "depthwise_conv2d", "pointwise_conv2d", "conv1d", "separable_conv1d"]
OPTIONS = [
    {},
    {"strides": (2, 2)},
    {"padding": "valid"},
    {"dilation_rate": (2, 2)},
    {"depth_multiplier": 2},
    {"activation": "relu"},
    {"use_bias": False},
    {"kernel_size": (1, 3)},
    {"data_format": "channels_first"},
    {"input_gradient": False},
]


def case_of(layer, **fields):
    case = ConvCase(**{"direction": "train", **fields})
    special = {
        "depthwise_conv2d": {"filters": case.in_channels * case.depth_multiplier},
        "pointwise_conv2d": {"kernel_size": (1, 1)},
        "conv1d": {"height": 1, "kernel_size": (1, 3)},
        "separable_conv1d": {"height": 1, "kernel_size": (1, 3)},
    }.get(layer, {})
    return dataclasses.replace(case, **{"layer": layer, **special})


def agrees(case):
    try:
        check_agreement(FRAMEWORK, case)
    except Unsupported as reason:
        if "jax_enable_x64" not in str(reason):
            raise
        pytest.skip(str(reason))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("direction", ["backward", "train"])
@pytest.mark.parametrize("layer", LAYERS[:2])
def test_outputs_and_gradients_are_numpys_for_every_option(layer, direction, mode, options):
    agrees(case_of(layer, direction=direction, mode=mode, **options))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_outputs_and_gradients_are_numpys_in_every_mode_and_direction(layer, mode, direction):
    agrees(case_of(layer, mode=mode, direction=direction))


@pytest.mark.parametrize("layer", LAYERS[-2:])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("options", [{"strides": (1, 2)}, {"dilation_rate": (1, 3)}], ids=str)
def test_causal_outputs_and_gradients_are_numpys_where_keras_has_them(layer, direction, options):
    import keras  # after FRAMEWORK, which chooses its backend

    case = dataclasses.replace(case_of(layer, direction=direction), padding="causal", **options)
    if case.is_separable and not keras.__version__.startswith("2."):
        with pytest.raises(Unsupported, match=r"^Keras: SeparableConv1D has no padding 'causal' here$"):
            agrees(case)
        return
    agrees(case)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layer", LAYERS[:2])
def test_outputs_and_gradients_are_numpys_in_every_dtype(layer, dtype):
    agrees(case_of(layer, dtype=dtype))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_a_case_returns_has_its_dtype(dtype):
    call = prepare(FRAMEWORK, find_small_case(ConvCase(dtype=dtype))).call
    assert dtype in str(call().dtype)


def test_two_workloads_of_a_case_compute_the_same():
    case = find_small_case(case_of("separable_conv2d"))
    one, other = (FRAMEWORK.convert_to_arrays(prepare(FRAMEWORK, case).call()) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_environment_can_be_saved_and_says_what_the_modes_are():
    facts = collect_environment(FRAMEWORK.describe(), FRAMEWORK.name, None, 0.0)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["backend"] == FRAMEWORK.name
    assert facts[FRAMEWORK.name][0].isdigit()
    assert set(facts["modes"]) == set(MODES)
    assert "CPU:0" in FRAMEWORK.list_devices()
    assert all(facts["devices"][device]["device_name"] for device in FRAMEWORK.list_devices())


@pytest.mark.parametrize(
    "ceiling", list_ceilings(["CPU:0"], ["float32", "bfloat16"], MODES), ids=lambda one: one.id
)
def test_every_ceiling_runs(ceiling):
    small = dataclasses.replace(ceiling, size=min(ceiling.size, 4096 // 8), repeats=min(ceiling.repeats, 3))
    if FRAMEWORK.name == "torch" and ceiling.kind == EMPTY_CALL and ceiling.mode != "xla":
        with pytest.raises(Unsupported, match="has no compiled function"):
            small.prepare(FRAMEWORK)
        return
    small.prepare(FRAMEWORK)()


def test_no_processor_has_a_ceiling_in_tensorfloat32():
    with pytest.raises(Unsupported, match="TensorFloat-32"):
        FRAMEWORK.prepare_matrix_product(TENSORFLOAT32, 64, "CPU:0")


def test_a_case_that_computes_something_else_is_not_timed(monkeypatch):
    """Here: a framework that swaps two taps of the kernel."""
    prepare_layer = FRAMEWORK.prepare_layer

    def swapped(case, layer, inputs, output_gradient):
        kernel, *others = layer.get_weights()
        layer.set_weights([kernel[::-1], *others])
        return prepare_layer(case, layer, inputs, output_gradient)

    monkeypatch.setattr(type(FRAMEWORK), "prepare_layer", lambda self, *arguments: swapped(*arguments))
    with pytest.raises(Disagreement, match="disagrees with NumPy: the output differs"):
        check_agreement(FRAMEWORK, ConvCase(kernel_size=(3, 1), padding="valid"))


def test_a_compiled_case_stays_compiled_however_many_there_were_before():
    if FRAMEWORK.name != "torch":
        pytest.skip("only torch.compile forgets")
    import torch

    torch.compiler.reset()
    for channels in range(1, 13):
        case = ConvCase(mode="xla", in_channels=channels, batch=2, height=4, width=4)
        prepare(FRAMEWORK, case).call()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 12


def test_a_trace_can_be_captured(tmp_path):
    call = prepare(FRAMEWORK, find_small_case(ConvCase())).call
    with FRAMEWORK.trace(tmp_path), FRAMEWORK.mark_step("bench_step", 0):
        call()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
