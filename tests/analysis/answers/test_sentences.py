import pandas as pd

from analysis.answers.sentences import write_answer
from analysis.pairs.plane_and_arms import find_plane_and_arms
from analysis.pairs.table import tabulate_pairs
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results

ONE_DIMENSION = ConvCase(layer="conv1d", height=1, kernel_size=(1, 3))


def sentences(tmp_path, rows):
    table = tabulate_pairs(load_results([made_results.save(tmp_path, rows)]))
    return write_answer(table, find_plane_and_arms(table))


def ratio_of(case):
    if case.mode == "xla":
        return 6.0
    return {1: 1.5, 8: 1.0, 64: 0.25}[case.in_channels]


def test_the_first_sentence_counts_and_says_where(tmp_path):
    first = sentences(tmp_path, made_results.grid_rows(ratio_of))[0]
    assert first.startswith(
        "SeparableConv2D is slower than Conv2D in 6 of the 18 comparisons measured here, "
        "faster in 8 and about the same in 4."
    )
    assert "Slower are in graph mode forward 2 of 8, train 2 of 8; in xla mode all of 2." in first


def test_the_border_is_told_by_direction(tmp_path):
    border = sentences(tmp_path, made_results.grid_rows(ratio_of))[1]
    assert border == (
        "Over 1 to 64 channels and kernels 3×3 and 5×5 (graph, float32, CPU:0): "
        "forward slower at 1 (3×3, 5×5), faster with every kernel from 64 on; "
        "train slower at 1 (3×3, 5×5), faster with every kernel from 64 on."
    )


def test_a_border_that_is_no_line_is_not_told_as_one(tmp_path):
    border = sentences(tmp_path, made_results.grid_rows(lambda case: 2.0 if case.in_channels == 8 else 0.5))[
        1
    ]
    assert "forward slower at 8 (3×3, 5×5), faster with every kernel from 64 on" in border


def test_settings_that_turn_the_verdict_are_named_and_others_are_not(tmp_path):
    turning = sentences(tmp_path, made_results.grid_rows(ratio_of))[2]
    assert turning.startswith("Starting from batch 8, 32×32, 64 channels to 64 filters, kernel 3×3, single")
    assert "mode xla, forward 6.0 times as slow" in turning
    assert "strides" not in turning


def test_the_promise_of_the_flops_stands_beside_what_arrived(tmp_path):
    promise = sentences(tmp_path, made_results.grid_rows(ratio_of))[3]
    assert promise.startswith(
        "At batch 8, 32×32, 64 channels to 64 filters, kernel 3×3 (graph, float32): forward 4.0 times as fast"
    )
    assert promise.endswith("FLOPs promise 7.6 times as fast.")


def test_named_shapes_that_are_slower_are_named_with_their_worst_direction(tmp_path):
    rows = made_results.comparison_rows(ConvCase(batch=3), 0.002, 1.5, name="stem")
    rows += made_results.comparison_rows(ConvCase(batch=3, direction="train"), 0.002, 1.8, name="stem")
    rows += made_results.comparison_rows(ConvCase(batch=4), 0.002, 0.5, name="block")
    (named,) = [sentence for sentence in sentences(tmp_path, rows) if sentence.startswith("Named shapes")]
    assert named == (
        "Named shapes slower in some direction, 1 of 2, at worst: "
        "stem, train 1.80 times as slow (1.80 to 1.80)."
    )


def test_nowhere_slower_is_said_so(tmp_path):
    found = sentences(tmp_path, made_results.grid_rows(lambda case: 0.5))
    assert found[0].startswith("SeparableConv2D is slower than Conv2D in 0 of the 18")
    assert "in graph mode none of 16" in found[0]
    assert "forward nowhere slower, faster with every kernel from 1 on" in found[1]


def test_a_single_shape_still_gets_an_answer(tmp_path):
    found = sentences(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 2.0))
    assert "slower than Conv2D in 1 of the 1 comparisons" in found[0]


def test_layers_of_one_dimension_are_counted_in_a_sentence_of_their_own(tmp_path):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 2.0)
    rows += made_results.comparison_rows(ONE_DIMENSION, 0.002, 0.5)
    found = sentences(tmp_path, rows)
    assert found[0] == (
        "SeparableConv2D is slower than Conv2D in 1 of the 1 comparisons measured here. "
        "Slower are in graph mode all of 1."
    )
    assert found[1] == (
        "SeparableConv1D is slower than Conv1D in 0 of the 1 comparisons measured here, faster in 1. "
        "Slower are in graph mode none of 1."
    )


def test_where_only_layers_of_one_dimension_were_compared_the_first_sentence_is_theirs(tmp_path):
    found = sentences(tmp_path, made_results.comparison_rows(ONE_DIMENSION, 0.002, 2.0))
    assert found[0].startswith("SeparableConv1D is slower than Conv1D in 1 of the 1 comparisons")
    assert not [sentence for sentence in found if "Conv2D" in sentence]


def test_nothing_to_compare_is_said_so():
    (sentence,) = write_answer(pd.DataFrame(), find_plane_and_arms(pd.DataFrame()))
    assert sentence.startswith("Nothing here compares SeparableConv2D with Conv2D in lock-step")
