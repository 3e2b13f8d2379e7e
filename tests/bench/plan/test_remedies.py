import dataclasses

import numpy as np
import pytest

from bench.contract.cases import GROUPED, SPLIT, ConvCase
from bench.plan import grids
from bench.plan.comparisons import Axes, expand
from bench.plan.remedies import list_remedies, suggest_remedies
from bench.workloads.layers import compute_tensor_shape, create_keras_layer

CENTRE = ConvCase(layer="separable_conv2d", direction="train")


def of(backend="tensorflow", **changes):
    case = dataclasses.replace(CENTRE, **changes)
    return {remedy.name: remedy for remedy in suggest_remedies(case, backend)}


@pytest.mark.parametrize(
    ("changes", "name", "instead"),
    [
        ({"mode": "xla"}, "XLA off", {"mode": "graph"}),
        ({"mode": "eager"}, "tf.function", {"mode": "graph"}),
        ({"dtype": "float16"}, "bfloat16", {"dtype": "bfloat16"}),
        ({"data_format": "channels_first"}, "channels last", {"data_format": "channels_last"}),
        ({"batch": 1}, "batch 8 times as large", {"batch": 8}),
        ({"depth_multiplier": 4}, "split depth multiplier", {"layer": SPLIT, "depth_multiplier": 4}),
        ({"kernel_size": (5, 7)}, "3x3 kernel", {"kernel_size": (3, 3)}),
    ],
)
def test_each_remedy_changes_one_thing(changes, name, instead):
    found = of(**changes)
    assert list(found) == [name]
    assert found[name].remedied == dataclasses.replace(CENTRE, **{**changes, **instead})


@pytest.mark.parametrize(
    ("backend", "mode", "names"),
    [
        ("tensorflow", "xla", ["XLA off"]),
        ("tensorflow", "eager", ["tf.function"]),
        ("jax", "xla", []),
        ("jax", "eager", ["jax.jit"]),
        ("torch", "xla", ["torch.compile off"]),
        ("torch", "eager", []),
    ],
)
def test_each_framework_leaves_a_mode_by_its_own_means_where_that_changes_anything(backend, mode, names):
    assert list(of(backend, mode=mode)) == names


def test_a_grouped_layer_is_set_against_the_depthwise_one_that_says_the_same():
    (remedy,) = of().values()
    assert (remedy.case.layer, remedy.remedied.layer) == (GROUPED, "depthwise_conv2d")
    assert dataclasses.replace(remedy.case, layer="depthwise_conv2d") == remedy.remedied


def test_only_telling_comparisons_have_remedies_unless_all_are_asked_for():
    comparisons = expand(grids.load_grid("default").shapes, Axes(("CPU:0",)))
    telling = list_remedies(comparisons, False, "tensorflow")
    every = list_remedies(comparisons, True, "tensorflow")
    assert {remedy.case.direction for remedy in telling} == {"train"}
    assert set(telling) < set(every)
    assert len({remedy.id for remedy in every}) == len(every)
    names = {remedy.name for remedy in telling}
    assert {"XLA off", "bfloat16", "split depth multiplier", "3x3 kernel", "channels last"} < names


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_split_depth_multiplier_computes_what_the_separable_layer_does(data_format):
    case = ConvCase(
        layer="separable_conv2d",
        batch=2,
        height=6,
        width=5,
        in_channels=3,
        filters=4,
        depth_multiplier=2,
        strides=(2, 2),
        data_format=data_format,
        activation="relu",
    )
    whole = create_keras_layer(case)
    split = create_keras_layer(dataclasses.replace(case, layer=SPLIT))
    whole.build(compute_tensor_shape(case, case.height, case.width, case.in_channels))
    depthwise, pointwise, bias = (np.asarray(weight) for weight in whole.get_weights())
    # In between, the channels come multiplier by multiplier instead of channel by channel.
    order = np.arange(6).reshape(3, 2).T.ravel()
    split.set_weights([depthwise[..., :1], depthwise[..., 1:], pointwise[:, :, order], bias + 0.5])
    whole.set_weights([depthwise, pointwise, bias + 0.5])
    inputs = np.random.default_rng(1).standard_normal(compute_tensor_shape(case, 6, 5, 3), dtype=np.float32)
    assert np.allclose(whole(inputs), split(inputs), atol=1e-5)
