import dataclasses
import math

import pytest

from analysis.answers.reasons import write_controls, write_reasons, write_sum
from analysis.reasons.causes.parts import KERNEL_CEILING, THREADS, Cause, select_tested
from analysis.reasons.findings import UNEXPLAINED, Finding
from tests.analysis.reasons import made_sums
from tests.analysis.reasons.test_explaining import traced

ROW = {
    "seconds": 0.43e-3,
    "limit_seconds": 0.07e-3,
    "remainder_seconds": 0.04e-3,
    "causes": (
        Cause(THREADS, 0.12e-3, (0.1e-3, 0.14e-3), {}),
        Cause(KERNEL_CEILING, 0.2e-3, (math.nan, math.nan), {}),
    ),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return traced(tmp_path_factory.mktemp("reasons"))


def unexplained(*kernels):
    return Finding(UNEXPLAINED, "separable_conv2d", 0.001, 0.3, "", "", (), {}, frozenset(kernels))


def reasons(found, *kernels):
    (one,) = found.pairs
    pairs = (dataclasses.replace(one, findings=(unexplained(*kernels),)),)
    (sentence,) = write_reasons(dataclasses.replace(found, pairs=pairs))
    return sentence.partition("was traced, ")[2]


def test_a_sum_is_one_line_whose_parts_are_named_and_have_their_intervals():
    assert write_sum(ROW) == (
        "0.43 ms = 0.07 least + 0.12 threads (0.1 to 0.14) + 0.2 no kernel of this kind comes nearer + "
        "0.04 left"
    )
    assert (
        write_sum({**ROW, "causes": (), "remainder_seconds": 0.36e-3}) == "0.43 ms = 0.07 least + 0.36 left"
    )


def test_only_kernels_that_were_tested_have_a_sum(file):
    (one,) = made_sums.explain_file(file).pairs
    rows = select_tested(one.operations)
    assert set(zip(rows["layer"], rows["operation"], rows["role"], strict=True)) == set(made_sums.TESTED)
    (none,) = made_sums.explain_file(file, tested={}).pairs
    assert select_tested(none.operations).empty


def test_a_slow_kernel_that_nobody_tested_is_said_to_lack_evidence(file):
    found = made_sums.explain_file(file)
    words = "in 1 some kernel is slow and nothing captured says why."
    assert reasons(found, ("pointwise", "input_gradient")) == words
    # One kernel without a test is enough, since of that one nothing is known.
    assert reasons(found, ("pointwise", "input_gradient"), ("pointwise", "forward")) == words


def test_a_slow_kernel_that_was_tested_in_vain_is_said_to_be_so(file):
    found = made_sums.explain_file(file)
    told = reasons(found, ("pointwise", "forward"))
    assert told == "in 1 experiments on a slow kernel leave most of what it loses unexplained."


@pytest.mark.parametrize(
    ("controls", "told"),
    [
        ((0, 0), ""),
        ((0, 1), "Of one control, in which nothing was changed, none would have been claimed."),
        ((2, 24), "Of 24 controls, in which nothing was changed, 2 would have been claimed."),
    ],
)
def test_how_often_a_control_would_have_been_claimed_is_told_where_there_are_any(file, controls, told):
    assert write_controls(made_sums.explain_file(file, controls=controls)) == told
