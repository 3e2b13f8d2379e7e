"""Every sentence against the numbers that it speaks of, over the whole space of verdicts."""

import functools
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.answers.sentences import write_answer
from analysis.pairs.plane_and_arms import PlaneAndArms, find_plane_and_arms
from analysis.pairs.table import tabulate_pairs
from analysis.results.loading import load_results
from analysis.statistics import verdicts
from analysis.statistics.estimates import Estimate
from analysis.wording import format_speed
from tests.analysis import made_results

#: A ratio with its interval that each verdict may have.
NUMBERS = {
    "slower": (2.0, 1.9, 2.1),
    "faster": (0.5, 0.4, 0.6),
    "same": (1.0, 0.97, 1.03),
    "undecided": (3.0, 0.9, 3.5),
}


@functools.cache
def table():
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        rows = made_results.grid_rows(lambda case: 1.0)
        pairs = tabulate_pairs(load_results([made_results.save(Path(folder), rows)]))
    # No sentence tells these, and a table with fewer columns is cheaper to take rows from.
    return pairs.drop(columns=[name for name in pairs if re.match(r"(dense|separable)_(?!case)", name)])


def with_verdicts(words):
    found = table().copy()
    found["verdict"] = words
    for place, name in enumerate(("ratio", "low", "high")):
        found[name] = [NUMBERS[word][place] for word in words]
    found["name"] = ["stem" if place % 3 == 0 else "" for place in range(len(found))]
    return found


@functools.cache
def swept():
    return find_plane_and_arms(table())


def sweep(found):
    """The plane and the arms of ``found``: verdicts change nothing about which rows are on them."""
    changed = ["verdict", "ratio", "low", "high", "name"]

    def take_over(rows):
        return rows.assign(**{name: found.loc[rows.index, name] for name in changed})

    return PlaneAndArms(
        plane=take_over(swept().plane),
        centre=found.loc[swept().centre.name],
        arms=take_over(swept().arms),
    )


def counts(rows):
    return {word: int((rows["verdict"] == word).sum()) for word in verdicts.WORDS}


def check_first(sentence, found):
    said = int(re.match(r"SeparableConv2D is slower than Conv2D in (\d+) of the", sentence)[1])
    assert said == counts(found)["slower"]
    for words, word in (("faster", "faster"), ("about the same", "same"), ("undecided", "undecided")):
        match = re.search(rf"{words} in (\d+)", sentence.partition(". Slower are")[0])
        assert (int(match[1]) if match else 0) == counts(found)[word]
    for mode, rows in found.groupby("mode"):
        (part,) = re.findall(rf"in {mode} mode (.*?)(?:; in |\.$)", sentence)
        undecided = counts(rows)["undecided"]
        assert (f"({undecided} undecided)" in part) == bool(undecided)
        if part.startswith("none"):
            assert counts(rows)["slower"] == 0


def check_border(sentence, plane):
    for direction, rows in plane.groupby("direction"):
        part = re.search(rf"{direction} (.*?)(?:; |\.$)", sentence)[1]
        if "nowhere slower" in part:
            assert counts(rows)["slower"] == counts(rows)["undecided"] == 0
        if "nowhere called slower" in part:
            assert counts(rows)["slower"] == 0
        match = re.search(r"(?<!not )faster with every kernel from (\d+) on", part)
        if match:
            assert set(rows.loc[rows["in_channels"] >= int(match[1]), "verdict"]) == {"faster"}
        if "not called faster with every kernel at the most channels" in part:
            most = rows[rows["in_channels"] == rows["in_channels"].max()]
            assert set(most["verdict"]) != {"faster"}


def check_turning(sentence, found, arms):
    assert "single settings that make it slower" in sentence
    for axis, value, direction in re.findall(r"(?:: |; )(\w+) (\S+), (forward|train) ", sentence):
        arm = arms[(arms["axis"] == axis) & (arms["value"] == value) & (arms["direction"] == direction)]
        assert set(arm["verdict"]) == {"slower"}
        start = arms[arms["is_centre"] & (arms["direction"] == direction)]
        assert set(start["verdict"]) <= {"faster", "same"}


def test_the_plane_and_the_arms_are_the_same_whatever_the_verdicts():
    found = with_verdicts(["slower", "faster", "undecided"] * 6)
    searched, quick = find_plane_and_arms(found), sweep(found)
    pd.testing.assert_frame_equal(searched.plane, quick.plane)
    pd.testing.assert_frame_equal(searched.arms, quick.arms)
    pd.testing.assert_series_equal(searched.centre, quick.centre)


@settings(max_examples=150, deadline=None)
@given(
    # Of one, two or all words: each of the sentences needs many rows of the same.
    st.sets(st.sampled_from(verdicts.WORDS), min_size=1).flatmap(
        lambda some: st.lists(st.sampled_from(sorted(some)), min_size=18, max_size=18)
    )
)
def test_no_sentence_says_more_than_the_verdicts(words):
    found = with_verdicts(words)
    around = sweep(found)
    sentences = write_answer(found, around)
    check_first(sentences[0], found)
    for sentence in sentences:
        assert not re.search(r"\bnan\b|\binf\b|\(0 to 0\)", sentence)
        if sentence.startswith("Over "):
            check_border(sentence, around.plane)
        if sentence.startswith("Starting from"):
            check_turning(sentence, found, around.arms)
        if "named shapes is slower in any direction" in sentence:
            named = found[found["name"] != ""]
            assert counts(named)["slower"] == counts(named)["undecided"] == 0


def test_where_nothing_is_decided_nothing_is_said_to_be_nowhere_slower():
    found = with_verdicts(["undecided"] * 18)
    said = " ".join(write_answer(found, find_plane_and_arms(found)))
    assert "nowhere slower" not in said
    assert "is slower in any direction" not in said
    assert "none of 16 (16 undecided)" in said


@settings(max_examples=500, deadline=None)
@given(
    st.floats(0.2, 5.0),
    st.floats(1.0, 2.0),
    st.floats(0.0, 3.0),
    st.floats(0.0, 3.0),
    st.sampled_from([0.0001, 0.04, 0.5]),
    st.sampled_from([1, 3]),
)
def test_more_noise_never_makes_a_verdict_easier(value, reach, noise, more, rate, replicates):
    ratio = Estimate(value, value / reach, value * reach)
    quiet, loud = (
        verdicts.judge(ratio, verdicts.compute_least_noise(replicates) + extra, rate, replicates).word
        for extra in (noise, noise + more)
    )
    if loud != verdicts.UNDECIDED:
        assert loud == quiet


def test_a_ratio_of_nearly_two_is_never_the_same_however_loud_the_machine():
    assert verdicts.judge(Estimate(1.9, 1.9, 1.9), 2.0, 0.001).word == "undecided"


@pytest.mark.parametrize(("low", "high"), [(0.0, float("inf")), (0.0, 2.0), (0.5, float("inf"))])
def test_an_interval_that_says_nothing_is_said_to_be_unknown(low, high):
    assert format_speed(0.5, low, high) == "2.0 times as fast (interval unknown)"
