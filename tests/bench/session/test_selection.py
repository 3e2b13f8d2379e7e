import pytest

from bench.contract.cases import ConvCase
from bench.session.parameters import ID_PARAMETERS
from bench.session.selection import (
    choose_ceilings,
    choose_comparisons,
    choose_shapes,
    list_trainings,
    select,
)
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
    by_name = list_trainings(parse(grid="smoke", file_or_dir=["bench/bench_mnist.py"], models="conv"))
    assert by_name == {f"conv-{number + 1}": ("conv", number) for number in range(5)}


def test_a_repeat_is_known_by_its_number():
    trainings = list_trainings(parse(models="conv,separable", repeats="4-5"))
    assert list(trainings) == ["conv-4", "separable-4", "conv-5", "separable-5"]
    assert trainings["separable-5"] == ("separable", 4)
