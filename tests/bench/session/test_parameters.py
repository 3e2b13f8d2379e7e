from types import SimpleNamespace

from bench.contract.cases import ConvCase
from bench.session.parameters import (
    LAYER_PARAMETERS,
    find_repeated,
    list_layer_parameters,
    read_layer_parameters,
)


def made_test(nodeid, **parameters):
    if not parameters:
        return SimpleNamespace(nodeid=nodeid)
    return SimpleNamespace(nodeid=nodeid, callspec=SimpleNamespace(params=parameters))


def layer_test(case, nodeid="bench/bench_layers.py::test_layer[x]", **others):
    values = list_layer_parameters(case)
    return made_test(nodeid, **dict(zip(LAYER_PARAMETERS, values, strict=True)), **others)


def test_a_layers_test_has_the_parameters_of_its_case():
    case = ConvCase(direction="train")
    assert read_layer_parameters(layer_test(case)) == list_layer_parameters(case)


def test_tests_of_different_cases_or_functions_are_no_repeats():
    tests = [
        layer_test(ConvCase()),
        layer_test(ConvCase(batch=1)),
        layer_test(ConvCase(), nodeid="bench/other.py::test_layer[x]"),
        made_test("bench/bench_ceilings.py::test_ceiling[a]", limit="a"),
        made_test("bench/bench_ceilings.py::test_ceiling[b]", limit="b"),
        made_test("bench/mine.py::test_mine"),
        made_test("bench/mine.py::test_other"),
    ]
    assert find_repeated(tests) is None


def test_a_test_that_differs_in_foreign_parameters_alone_is_a_repeat():
    once = layer_test(ConvCase(), nodeid="bench/bench_layers.py::test_layer[x-1-2]", repeat=1)
    twice = layer_test(ConvCase(), nodeid="bench/bench_layers.py::test_layer[x-2-2]", repeat=2)
    assert find_repeated([once, twice]) is twice
