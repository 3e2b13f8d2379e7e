"""``experiments.json`` -> the controlled experiments on a case's kernels."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.traces.formats.capture import DAMAGE
from analysis.traces.formats.packed import find_file, read_text
from bench.contract.cases import ConvCase
from bench.contract.experiments import ARMS, FRIENDLY, OTHER, SETTINGS, Arm, Experiments, ThreadScaling

#: No clock tells shorter times.
_SHORTEST = 1e-12
_MOST_THREADS = 1 << 16
#: Pixels of a side, and turns: more than this nobody measures, but a damaged file may say.
_MOST = 1 << 16


def read_experiments(file: Path, case: ConvCase, problems: list[str]) -> Experiments | None:
    """The experiments on ``case`` in ``file``, which may be packed; None where there are none, or unreadable.

    What is wrong with the file is added to ``problems``.
    """
    found = find_file(file)
    if found is None:
        return None
    try:
        experiments = Experiments.from_dict(json.loads(read_text(found)))
        _check(experiments)
    except KeyError as error:
        problems.append(f"cannot read {file}: it has no {error}")
        return None
    except DAMAGE as error:
        problems.append(f"cannot read {file}: {error}")
        return None
    if experiments.case != case:
        problems.append(f"{file} is of another case, {experiments.case.id}")
        return None
    return experiments


def _check(experiments: Experiments) -> None:
    """Raise ``ValueError`` where what the file says of arms and turns cannot be."""
    if not 1 <= experiments.threads <= _MOST_THREADS:
        raise ValueError(f"{experiments.threads} threads are no number of threads")
    for scaling in experiments.scalings:
        _check_scaling(scaling)
    for kernel in experiments.kernels:
        for arm in kernel.arms:
            _check_arm(arm)
        if len({len(arm.wall_seconds) for arm in kernel.arms if arm.arm != FRIENDLY}) > 1:
            raise ValueError(f"the arms of {kernel.operation} {kernel.role} have unequally many turns")


def _check_arm(arm: Arm) -> None:
    if arm.arm not in ARMS:
        raise ValueError(f"there is no arm {arm.arm!r}")
    if arm.arm == OTHER and arm.setting not in SETTINGS:
        raise ValueError(f"there is no other implementation {arm.setting!r}")
    if not arm.wall_seconds or (arm.seconds and len(arm.seconds) != len(arm.wall_seconds)):
        raise ValueError(f"arm {arm.arm!r} lacks times")
    if max(arm.case.height, arm.case.width, len(arm.wall_seconds)) > _MOST:
        raise ValueError(f"arm {arm.arm!r} is larger than any that is measured")
    _check_times(arm.wall_seconds + arm.seconds)


def _check_scaling(scaling: ThreadScaling) -> None:
    if not scaling.seconds or len(scaling.seconds) != len(scaling.one_thread_seconds):
        raise ValueError(f"{scaling.kind!r} lacks times")
    _check_times(scaling.seconds + scaling.one_thread_seconds)


def _check_times(seconds: tuple[float, ...]) -> None:
    if seconds and min(seconds) < _SHORTEST:
        raise ValueError(f"{min(seconds)} s is shorter than any clock tells")
