import pytest

from bench.contract.cases import ConvCase
from bench.session.selection import (
    choose_ceilings,
    choose_comparisons,
    choose_shapes,
    list_trainings,
    select,
)
from bench.wiring.parameters import ID_PARAMETERS
from tests.bench.session.test_options import parse


def selection_of(**values):
    options = parse(**values)
    grid, shapes = choose_shapes(options)
    comparisons = choose_comparisons(grid, shapes, options, ("CPU:0",))
    return select(grid, comparisons, options, ("CPU:0",), "tensorflow")


def test_without_a_grid_the_default_one_is_measured():
    assert choose_shapes(parse())[0] == "default"
    assert choose_shapes(parse(grid="smoke"))[0] == "smoke"


def test_a_shapes_file_takes_the_place_of_a_grid_under_its_own_name(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("name,batch\nmine,2\n")
    name, shapes = choose_shapes(parse(shapes=str(file)))
    assert name == str(file)
    assert [shape.name for shape in shapes] == ["mine"]


def test_directions_modes_and_dtypes_narrow_a_selection():
    selection = selection_of(grid="smoke", directions="train", dtypes="float64")
    assert {(each.case.direction, each.case.dtype) for each in selection.cases.values()} == {
        ("train", "float64")
    }


def test_a_selection_with_nothing_left_is_refused(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("name,mode\nmine,xla\n")
    with pytest.raises(ValueError, match=r"^nothing is left of .*mine.csv with these directions, modes"):
        selection_of(shapes=str(file), modes="graph")


@pytest.mark.parametrize(
    ("ids", "cases"),
    [
        ("train-2x9x9x4-f4-k3", ["conv2d", "separable_conv2d"]),
        ("separable_conv2d-train-2x9x9x4-f4-k3", ["conv2d", "separable_conv2d"]),
        ("train-2x9x9x4-f4-k3,conv2d-train-2x9x9x4-f4-k3", ["conv2d", "separable_conv2d"]),
        ("depthwise_conv2d-train-2x9x9x4-f4-k3", ["depthwise_conv2d"]),
        (
            "train-2x9x9x4-f4-k3,depthwise_conv2d-train-2x9x9x4-f4-k3",
            ["conv2d", "separable_conv2d", "depthwise_conv2d"],
        ),
    ],
)
def test_an_id_stands_for_its_comparison_and_of_a_part_for_itself(ids, cases):
    selection = selection_of(case=ids)
    (comparison,) = selection.comparisons
    assert comparison.id == "train-2x9x9x4-f4-k3"
    assert comparison.control == ("conv2d" in cases)
    assert list(selection.cases) == [f"{layer}-train-2x9x9x4-f4-k3" for layer in cases]


def test_every_word_of_an_id_is_measured_as_it_says():
    ids = (
        "backward-1x40x7x3-f6-k1x5-s2-valid-m2-nchw-relu-nobias-first-bfloat16-xla",
        "forward-4x99x8-f8-k5-1d-causal-d3-eager",
    )
    assert tuple(comparison.id for comparison in selection_of(case=",".join(ids)).comparisons) == ids


def test_what_is_asked_for_by_id_is_narrowed_as_everything_is():
    ids = "train-2x9x9x4-f4-k3,forward-2x9x9x4-f4-k3-xla"
    selection = selection_of(case=ids, modes="xla,eager")
    assert [comparison.id for comparison in selection.comparisons] == ["forward-2x9x9x4-f4-k3-xla"]
    with pytest.raises(ValueError, match=r"^nothing is left of --case with these directions, modes"):
        selection_of(case=ids, dtypes="float64")


def test_a_device_that_an_id_names_must_be_there():
    with pytest.raises(ValueError, match=r"^--case: GPU:0 is not measured here; there are: CPU:0$"):
        selection_of(case="train-2x9x9x4-f4-k3-gpu0")


def test_every_case_is_found_by_its_id():
    selection = selection_of(grid="smoke")
    assert len(selection.cases) == 12
    for name, selected in selection.cases.items():
        assert selected.case.id == name
        assert selected.case in selected.comparison.cases


def test_what_a_test_measures_is_found_by_its_parameters():
    selection = selection_of(grid="claims", remedies=True, file_or_dir=["bench/bench_mnist.py"])
    measured = {
        parameter: {selection.find_measured({parameter: name}) for name in getattr(selection, field)}
        for parameter, field in ID_PARAMETERS.items()
    }
    assert measured["case_id"] == {selected.case for selected in selection.cases.values()}
    assert measured["limit"] == set(selection.ceilings.values())
    assert measured["remedy_id"] == {remedy.remedied for remedy in selection.remedies.values()}
    assert measured["contrast_id"] == {trial.case for trial in selection.contrasts.values()}
    assert measured["training_id"] == {None}
    assert selection.find_measured({"mine": 1}) is None


def test_remedies_and_contrasts_need_lock_step():
    assert selection_of(grid="smoke").contrasts == {}
    assert selection_of(grid="claims").contrasts
    assert selection_of(grid="claims", in_turn=True).contrasts == {}
    shapes = {"grid": "options", "remedies": True}
    assert selection_of(**shapes).remedies
    assert selection_of(**shapes, in_turn=True).remedies == {}


def test_ceilings_are_those_of_the_cases():
    cases = [ConvCase(mode="xla", dtype="float64"), ConvCase(mode="eager", dtype="float64")]
    ceilings = choose_ceilings(cases)
    assert {ceiling.dtype for ceiling in ceilings if ceiling.kind == "matrix_product"} == {"float64"}
    assert [ceiling.mode for ceiling in ceilings if ceiling.kind == "empty_call"] == ["xla"]


def test_whoever_asks_for_shapes_gets_no_trainings_unless_by_name():
    assert len(list_trainings(parse())) == 8
    assert list_trainings(parse(grid="smoke")) == {}
    assert list_trainings(parse(case="train-2x9x9x4-f4-k3")) == {}
    by_name = list_trainings(parse(grid="smoke", file_or_dir=["bench/bench_mnist.py"], models="conv"))
    assert by_name == {f"conv-{number + 1}": ("conv", number) for number in range(5)}


def test_a_repeat_is_known_by_its_number():
    trainings = list_trainings(parse(models="conv,separable", repeats="4-5"))
    assert list(trainings) == ["conv-4", "separable-4", "conv-5", "separable-5"]
    assert trainings["separable-5"] == ("separable", 4)
