import dataclasses

import numpy as np
import pytest

from bench.contract import experiments as names
from bench.contract.cases import GROUPED, ConvCase
from bench.contract.kernels import FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, list_roles
from bench.frameworks.loading import load_framework
from bench.plan.experiments import (
    Conditions,
    group_cases,
    is_frozen,
    isolate_kernel,
    list_arms,
    list_friendly,
    list_kernels,
)
from bench.workloads.preparing import prepare

SMALL = {"batch": 2, "height": 8, "width": 8, "in_channels": 6, "filters": 5}
SEPARABLE = ConvCase(layer="separable_conv2d", direction="train", **SMALL)
ON_TWO = Conditions("tensorflow", has_onednn=True, isa="Intel AVX2", threads=2)


def name_arms(case, conditions=ON_TWO, operation="depthwise", role=FORWARD):
    (kernel,) = [one for one in list_kernels([case]) if (one.operation, one.role) == (operation, role)]
    return {(arm.arm, arm.setting): arm for arm in list_arms(kernel, conditions)}


@pytest.mark.parametrize("layer", ["conv2d", "separable_conv2d", "separable_conv1d", "depthwise_conv2d"])
def test_every_kernel_of_a_layer_can_run_alone(layer):
    fields = {**SMALL, "height": 1, "kernel_size": (1, 3)} if layer.endswith("1d") else SMALL
    if layer == "depthwise_conv2d":
        fields = {**fields, "filters": 6}
    case = ConvCase(layer=layer, direction="train", **fields)
    assert {(kernel.operation, kernel.role) for kernel in list_kernels([case])} == set(list_roles(case))


@pytest.mark.parametrize(("operation", "role"), list_roles(SEPARABLE))
def test_a_kernel_alone_returns_one_result_of_the_size_that_it_has_in_the_layer(operation, role):
    framework = load_framework()
    alone = isolate_kernel(SEPARABLE, operation, role)
    results = framework.convert_to_arrays(prepare(framework, alone, frozen=is_frozen(role)).call())
    sizes = {
        ("depthwise", FORWARD): (2, 8, 8, 6),
        ("depthwise", INPUT_GRADIENT): (2, 8, 8, 6),
        ("depthwise", WEIGHT_GRADIENT): (3, 3, 6, 1),
        ("pointwise", FORWARD): (2, 8, 8, 5),
        ("pointwise", INPUT_GRADIENT): (2, 8, 8, 6),
        ("pointwise", WEIGHT_GRADIENT): (1, 1, 6, 5),
    }
    assert [result.shape for result in results] == [sizes[operation, role]]
    assert np.isfinite(results[0]).all()


def test_a_layer_whose_kernels_are_not_those_of_a_plain_one_has_none_alone():
    causal = ConvCase(layer="separable_conv1d", height=1, kernel_size=(1, 3), padding="causal")
    grouped = ConvCase(layer=GROUPED)
    assert list_kernels([causal]) == list_kernels([grouped]) == []


def test_directions_of_one_layer_share_their_kernels():
    forward = dataclasses.replace(SEPARABLE, direction="forward")
    dense = dataclasses.replace(SEPARABLE, layer="conv2d")
    assert group_cases([SEPARABLE, dense, forward]) == [[SEPARABLE, forward], [dense]]
    assert len(list_kernels([SEPARABLE, forward])) == len(list_roles(SEPARABLE))


def test_an_arm_changes_one_thing_of_the_kernel_alone():
    arms = name_arms(SEPARABLE)
    alone = arms[names.ALONE, ""].case
    assert arms[names.BATCH_4, ""].case == dataclasses.replace(alone, batch=8)
    assert arms[names.ONE_THREAD, ""].case == alone
    assert arms[names.ONE_THREAD, ""].process == names.SINGLE_THREAD
    assert arms[names.WHOLE_LANES, ""].case == dataclasses.replace(alone, in_channels=8, filters=8)
    assert arms[names.OTHER, names.NO_ONEDNN].case == alone
    assert (names.OTHER, names.FLOAT32) not in arms


def test_channels_that_fill_the_vectors_are_not_rounded():
    full = dataclasses.replace(SEPARABLE, in_channels=8, filters=8)
    assert (names.WHOLE_LANES, "") not in name_arms(full)
    wide = dataclasses.replace(ON_TWO, isa="Intel AVX-512 with AVX512BW, AVX512VL, and AVX512DQ extensions")
    assert name_arms(full, wide)[names.WHOLE_LANES, ""].case.in_channels == 16
    assert name_arms(full, wide)[names.OTHER, names.AVX2].process == names.NARROWER_VECTORS


@pytest.mark.parametrize(
    ("fields", "setting", "changed"),
    [
        ({"dtype": "float16"}, names.FLOAT32, {"dtype": "float32"}),
        ({"mode": "xla"}, names.GRAPH_MODE, {"mode": "graph"}),
        ({"data_format": "channels_first"}, names.LAST_CHANNELS, {"data_format": "channels_last"}),
        ({"depth_multiplier": 4}, names.ONE_MULTIPLIER, {"depth_multiplier": 1, "filters": 6}),
        ({"kernel_size": (5, 5)}, names.THREE_WIDE, {"kernel_size": (3, 3)}),
    ],
)
def test_another_implementation_is_tried_where_there_is_one(fields, setting, changed):
    arms = name_arms(dataclasses.replace(SEPARABLE, **fields))
    alone = arms[names.ALONE, ""].case
    assert arms[names.OTHER, setting].case == dataclasses.replace(alone, **changed)


def test_one_thread_alone_has_no_arm_where_there_is_no_second():
    arms = name_arms(SEPARABLE, dataclasses.replace(ON_TWO, threads=1))
    assert (names.ONE_THREAD, "") not in arms
    assert arms[names.WHOLE_LANES, ""].process == names.AS_IS


def test_on_a_gpu_one_process_takes_all_turns():
    arms = name_arms(dataclasses.replace(SEPARABLE, device="GPU:0"))
    assert {arm.process for arm in arms.values()} == {names.AS_IS}


def test_friendly_shapes_keep_what_makes_the_kind():
    case = dataclasses.replace(SEPARABLE, kernel_size=(5, 5), strides=(2, 2), dtype="bfloat16")
    for kernel in list_kernels([case]):
        for arm in list_friendly(kernel, ON_TWO):
            assert (arm.case.layer, arm.case.kernel_size, arm.case.strides, arm.case.dtype) == (
                kernel.case.layer,
                kernel.case.kernel_size,
                kernel.case.strides,
                "bfloat16",
            )
            assert arm.case.in_channels % 16 == 0


def test_what_an_environment_says_decides_the_processes():
    environment = {"backend": "tensorflow", "onednn": "off", "onednn_details": None}
    plain = Conditions.of(environment, threads=4)
    assert list(plain.list_processes()) == [names.AS_IS, names.SINGLE_THREAD]
    assert list(ON_TWO.list_processes()) == [names.AS_IS, names.SINGLE_THREAD, names.WITHOUT_ONEDNN]
    torch = dataclasses.replace(ON_TWO, backend="torch")
    assert names.WITHOUT_ONEDNN not in torch.list_processes()
