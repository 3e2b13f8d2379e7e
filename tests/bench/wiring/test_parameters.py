from types import SimpleNamespace

import pytest

from bench.contract.cases import ConvCase
from bench.plan.ceilings import Ceiling
from bench.wiring.parameters import ROW_PARAMETERS, check_grouping, describe_row, find_repeated


def made_test(nodeid, **parameters):
    if not parameters:
        return SimpleNamespace(nodeid=nodeid)
    return SimpleNamespace(nodeid=nodeid, callspec=SimpleNamespace(params=parameters))


LAYER = made_test("bench/bench_layers.py::test_layer[a]", case_id="a")
CEILING = made_test("bench/bench_ceilings.py::test_ceiling[a]", limit="a")
FOREIGN = made_test("bench/mine.py::test_mine[1]", mine=1)


def test_the_row_of_a_layer_says_what_its_case_is():
    case = ConvCase(direction="train", mode="xla")
    assert describe_row(case, {"case_id": case.id}) == {
        "layer": "conv2d", "direction": "train", "mode": "xla", "device": "CPU:0", "dtype": "float32",
        "shape": "8x32x32x64-f64-k3",
    }  # fmt: skip


def test_the_row_of_a_ceiling_says_what_it_has_and_that_it_has_no_more():
    ceiling = Ceiling("matrix_product", "GPU:0", dtype="bfloat16", size=2048)
    assert describe_row(ceiling, {"limit": ceiling.id}) == {
        "layer": "-", "direction": "-", "mode": "graph", "device": "GPU:0", "dtype": "bfloat16", "shape": "-",
    }  # fmt: skip


def test_the_row_of_a_training_has_the_same_parameters_without_values():
    assert describe_row(None, {"training_id": "conv-1"}) == dict.fromkeys(ROW_PARAMETERS, "-")


def test_a_test_of_somebody_else_keeps_its_own_parameters_beside_them():
    assert describe_row(None, {"mine": 1}) == {**dict.fromkeys(ROW_PARAMETERS, "-"), "mine": 1}


@pytest.mark.parametrize("grouping", ["group", "param", "param:direction,param:shape", "fullfunc,param:mode"])
def test_what_every_row_has_groups_rows(grouping):
    check_grouping(grouping, [LAYER, CEILING, FOREIGN])


@pytest.mark.parametrize(
    "grouping", ["groups", "param:", "param:case_id", "direction", "group, name", "param:mine"]
)
def test_what_some_row_lacks_groups_nothing(grouping):
    with pytest.raises(
        ValueError, match=r"^--benchmark-group-by has no '.*'; there are: group, name, .*param:shape$"
    ):
        check_grouping(grouping, [LAYER, CEILING, FOREIGN])


def test_tests_of_somebody_else_alone_are_grouped_by_their_own_parameters():
    check_grouping("param:mine", [FOREIGN])


def test_tests_of_different_cases_or_functions_are_no_repeats():
    tests = [
        LAYER,
        made_test("bench/bench_layers.py::test_layer[b]", case_id="b"),
        made_test("bench/other.py::test_layer[a]", case_id="a"),
        CEILING,
        made_test("bench/bench_ceilings.py::test_ceiling[b]", limit="b"),
        made_test("bench/mine.py::test_mine"),
        made_test("bench/mine.py::test_other"),
    ]
    assert find_repeated(tests) is None


def test_a_test_that_differs_in_foreign_parameters_alone_is_a_repeat():
    once = made_test("bench/bench_layers.py::test_layer[a-1-2]", case_id="a", repeat=1)
    twice = made_test("bench/bench_layers.py::test_layer[a-2-2]", case_id="a", repeat=2)
    assert find_repeated([once, twice]) is twice
