"""Every printed command is run by a test, or named with the reason why not."""

import re

import pytest

from tests.documentation.running import (
    COMPARING,
    IN_PLACE,
    LITTLE_WORK,
    MEASURING,
    NOT_RUN,
    STATUSES,
    Reader,
    choose_commands,
    list_inside,
    list_printed,
    make_small,
)


def test_every_printed_command_is_run_once_or_is_an_exception():
    run = [command for kind in (COMPARING, MEASURING, None) for command in choose_commands(kind)]
    assert len(run) == len(set(run)) > 50
    assert sorted([*run, *NOT_RUN]) == sorted(list_printed())


def test_whatever_makes_a_command_small_is_used():
    inside = [command for printed in list_printed() for command in list_inside(printed)]
    for part in (*LITTLE_WORK, *STATUSES):
        assert any(part in command for command in inside), part
    for large in IN_PLACE:
        assert any(re.search(large, command) for command in inside), large


@pytest.mark.parametrize(
    ("printed", "small"),
    [
        (
            "KERAS_BACKEND=jax pytest bench/",
            "KERAS_BACKEND=jax pytest bench/ --grid smoke --directions forward --benchmark-max-time=0.01 "
            "-k 'not KiB'",
        ),
        (
            "pytest bench/ --shapes layers.csv",
            "pytest bench/ --shapes layers.csv --directions forward --benchmark-max-time=0.01 -k 'not KiB'",
        ),
        (
            "pytest bench/ --case forward-8x32x32x64-f64-k3",
            "pytest bench/ --case forward-8x32x32x64-f64-k3 --benchmark-max-time=0.01 -k 'not KiB'",
        ),
        (
            "python -m bench.campaign --environments tf220,tf221",
            "python -m bench.campaign --environments tf220=current:MADE_VERSION=2.20.0,"
            "tf221=current:MADE_VERSION=2.21.0 --replicates 1 --grid smoke --directions forward "
            "--benchmark-max-time=0.01",
        ),
        (
            "python -m analysis compare .benchmarks/campaign/tf220 tensorflow=2.21",
            "python -m analysis compare .benchmarks/campaign/tf220 tensorflow=2.21",
        ),
    ],
)
def test_a_command_with_little_work_is_still_that_command(printed, small):
    assert make_small(printed) == small


def test_of_tox_what_it_runs_inside_is_run():
    assert list_inside("tox run -e bench -- --grid mobilenet") == [
        "pytest bench/ --benchmark-autosave --grid mobilenet"
    ]
    assert list_inside("tox run -e tf212") == ["pytest bench/ --benchmark-autosave --benchmark-quiet"]


@pytest.mark.parametrize(
    "wrong",
    [
        "python -m analysis report nothing",
        "python -m bench.campaign --environments tf220",
        "pytest bench/ --benchmark-group-by=param:size",
        "separable-conv-bench reports",
    ],
)
def test_a_command_that_does_not_run_is_noticed(tmp_path, wrong):
    with pytest.raises(AssertionError, match=r"^.*\nexited with "):
        Reader(tmp_path).run(wrong)
