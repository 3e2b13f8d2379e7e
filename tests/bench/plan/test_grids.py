import pytest

from bench.contract.cases import ConvCase
from bench.plan import grids
from bench.plan.comparisons import Axes, Shape, expand

CPU = Axes(("CPU:0",))


def cases(name, axes=CPU):
    return [case for comparison in expand(grids.load_grid(name).shapes, axes) for case in comparison.cases]


@pytest.mark.parametrize("name", grids.NAMES)
def test_no_case_of_a_grid_appears_twice_and_ids_tell_them_apart(name):
    found = cases(name)
    assert len(set(found)) == len(found) == len({case.id for case in found})


@pytest.mark.parametrize("name", grids.NAMES)
def test_every_comparison_has_a_dense_and_a_separable_layer_of_one_shape(name):
    for comparison in expand(grids.load_grid(name).shapes, CPU):
        dense, separable = comparison.cases[:2]
        assert dense.is_dense
        assert separable.is_separable
        assert dense.comparison == separable.comparison == comparison.id


def test_the_default_grid_spans_a_plane_from_one_channel_up_in_all_directions():
    plane = {(c.in_channels, c.kernel_size[0], c.direction) for c in cases("default") if c.is_dense}
    for channels in (1, 3, 8, 16, 32, 64, 128, 256):
        for kernel in (3, 5, 7):
            for direction in ("forward", "backward", "train"):
                assert (channels, kernel, direction) in plane


def test_the_default_grid_varies_every_other_axis_alone():
    centre = ConvCase(direction="train")
    varied = set()
    for case in cases("default"):
        if case.layer == "conv2d" and case.direction == "train":
            different = [k for k, v in case.as_dict().items() if v != centre.as_dict()[k]]
            if len(different) == 1 or different == ["height", "width"]:
                varied.update(different)
    wanted = "batch height filters strides padding dilation_rate depth_multiplier data_format activation"
    assert varied >= {*wanted.split(), "use_bias", "input_gradient", "dtype", "mode", "kernel_size"}


def test_the_sentinels_are_cases_of_the_default_grid_twenty_a_direction():
    sentinels = cases("sentinels")
    assert set(sentinels) <= set(cases("default"))
    assert len(sentinels) == 60
    assert len([case for case in sentinels if case.direction == "train"]) == 20


def test_the_mnist_layers_are_the_articles():
    first, second = (c.cases[0] for c in expand(grids.load_grid("mnist-layers").shapes, CPU)[2::3])
    assert (first.batch, first.height, first.in_channels, first.filters) == (250, 28, 1, 32)
    assert (second.batch, second.height, second.in_channels, second.filters) == (250, 13, 32, 64)
    assert first.output_size == (26, 26)
    assert second.output_size == (11, 11)
    assert not first.input_gradient
    assert second.input_gradient


def test_mobilenet_has_its_first_layer_and_nine_different_blocks():
    shapes = grids.load_grid("mobilenet").shapes
    assert [shape.name for shape in shapes][:3] == [
        "MobileNet conv1", "MobileNet conv_dw_1", "MobileNet conv_dw_2",
    ]  # fmt: skip
    assert len(shapes) == 10
    assert shapes[2].fields["filters"] == 128  # those of conv_pw_2


def test_the_channels_grid_covers_the_claim_of_32_to_2048():
    assert sorted({c.in_channels for c in cases("channels")}) == [32, 64, 128, 256, 512, 1024, 2048]


def test_directions_modes_and_dtypes_multiply_a_grid():
    axes = Axes(("CPU:0",), ("forward",), ("graph", "eager"), ("float32", "float64"))
    assert len(expand([Shape({})], axes)) == 4


def test_a_pinned_shape_stays_out_where_the_user_asked_for_something_else():
    shapes = [Shape({}), Shape({"mode": "xla"})]
    everything = expand(shapes, Axes(("CPU:0",), ("forward",)))
    assert [c.cases[0].mode for c in everything] == ["graph", "xla"]
    narrowed = expand(shapes, Axes(("CPU:0",), ("forward",), ("graph",), chosen=frozenset({"mode"})))
    assert [c.cases[0].mode for c in narrowed] == ["graph"]


def test_shapes_of_one_geometry_become_one_comparison_that_loses_nothing():
    shapes = [
        Shape({}, name="stem"),
        Shape({}, name="twin", parts=True, control=True),
        Shape({}, name="stem"),
    ]
    (comparison,) = expand(shapes[:2], Axes(("CPU:0",), ("forward",)))
    assert [case.layer for case in comparison.cases] == [
        "conv2d",
        "separable_conv2d",
        "depthwise_conv2d",
        "pointwise_conv2d",
    ]
    assert comparison.name == "stem, twin"
    assert comparison.control
    (same,) = expand([shapes[0], shapes[2]], Axes(("CPU:0",), ("forward",)))
    assert (same.name, len(same.cases)) == ("stem", 2)


def test_an_unknown_grid_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="there is no grid 'huge'; there are: smoke, default"):
        grids.load_grid("huge")
