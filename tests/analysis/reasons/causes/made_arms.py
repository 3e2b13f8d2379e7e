"""Experiments on a kernel of which it is known where the time goes."""

import dataclasses
from types import MappingProxyType

import numpy as np

from analysis.limits.roofline import Ceilings, compute_kernel_limit
from analysis.reasons.causes.dividing import divide_kernel
from bench.contract import experiments as names
from bench.contract.cases import ConvCase
from bench.contract.cost import list_kernels
from bench.contract.experiments import Arm, Experiments, KernelExperiment, ThreadScaling

CASE = ConvCase(layer="depthwise_conv2d", in_channels=12, filters=12, kernel_size=(3, 3), use_bias=False)
WHOLE = dataclasses.replace(CASE, in_channels=16, filters=16)
SMALL = dataclasses.replace(CASE, batch=1)
CEILINGS = Ceilings(peak_flops={"float32": 1e11}, bandwidths=((1, 1e10),), empty_call_seconds={})
(KERNEL,) = list_kernels(CASE)
LIMIT = compute_kernel_limit(KERNEL, "float32", CEILINGS)
LEAST = LIMIT.seconds
LEAST_OF_WHOLE = compute_kernel_limit(list_kernels(WHOLE)[0], "float32", CEILINGS).seconds
LEAST_OF_SMALL = compute_kernel_limit(list_kernels(SMALL)[0], "float32", CEILINGS).seconds
#: What the kernel takes inside its step.
SECONDS = 10 * LEAST
#: What two threads bring the made machine's ceilings: all that there is.
GAIN = 0.5

#: Times of arms, with the kernel alone as 1, where nothing makes a difference.
NOTHING = {
    names.ALONE: 1.0,
    names.COPY: 1.0,
    names.IN_STEP: 1.0,
    names.BATCH_2: 2.0,
    names.BATCH_4: 4.0,
    names.ONE_THREAD: 2.0,
    names.ONE_THREAD_BATCH_4: 8.0,
    names.SMALL_DATA: 2.0 * LEAST_OF_SMALL / LEAST,
    names.WHOLE_LANES: 2.0 * LEAST_OF_WHOLE / LEAST,
    names.OTHER: 1.0,
    # As the only arm it is held against its own limit: this is all of it.
    names.FRIENDLY: LEAST / GAIN / SECONDS,
}
_ONE_THREAD = (
    names.ONE_THREAD,
    names.ONE_THREAD_BATCH_4,
    names.SMALL_DATA,
    names.WHOLE_LANES,
    names.FRIENDLY,
)
_CASES = {
    names.BATCH_2: dataclasses.replace(CASE, batch=2 * CASE.batch),
    names.BATCH_4: dataclasses.replace(CASE, batch=4 * CASE.batch),
    names.ONE_THREAD_BATCH_4: dataclasses.replace(CASE, batch=4 * CASE.batch),
    names.SMALL_DATA: SMALL,
    names.WHOLE_LANES: WHOLE,
}


def make(
    turns=10,
    noise=0.0,
    seed=0,
    by_onednn=True,
    setting=names.AVX2,
    implementations=MappingProxyType({}),
    **changes,
):
    """Experiments whose arms take :data:`NOTHING`, but for ``changes`` by arm; None leaves an arm out.

    One implementation runs all arms, but for ``implementations`` by arm.
    ``noise`` is the standard deviation of the logarithm of a time; arms of a turn drift together.
    """
    rng = np.random.default_rng(seed)
    drift = np.exp(rng.normal(0, 0.1, turns))
    call = 0.2 * SECONDS
    arms = []
    for name, time in (NOTHING | {key.replace("_", " "): value for key, value in changes.items()}).items():
        if time is None:
            continue
        times = time * SECONDS * np.exp(rng.normal(0, noise, turns))
        if name != names.FRIENDLY:  # is of other turns
            times = times * drift
        process = names.SINGLE_THREAD if name in _ONE_THREAD else names.AS_IS
        outside = 0 if name == names.FRIENDLY else call
        arms.append(
            Arm(
                arm=name,
                process=process,
                case=_CASES.get(name, CASE),
                implementation=implementations.get(name, "jit_dw:avx2") if by_onednn else "",
                wall_seconds=tuple(times + outside),
                seconds=tuple(times) if by_onednn else (),
                setting=setting if name == names.OTHER else "",
            )
        )
    arms += [
        Arm(names.EMPTY, process, CASE, (call,) * turns) for process in (names.AS_IS, names.SINGLE_THREAD)
    ]
    kernel = KernelExperiment(KERNEL.operation, KERNEL.role, tuple(arms))
    scalings = tuple(
        ThreadScaling(kind, size, (GAIN,) * turns, (1.0,) * turns)
        for kind, size in ((names.PRODUCT, 0), (names.STREAM, 1 << 15))
    )
    return Experiments(CASE, 2, (kernel,), scalings)


#: As keywords cannot have commas.
FOUR_WITH_ONE = names.ONE_THREAD_BATCH_4.replace(" ", "_")


def divide(experiments=None, seconds=SECONDS, **changes):
    return divide_kernel(KERNEL, seconds, LIMIT, experiments or make(**changes), CEILINGS)


def parts(found):
    """What each cause takes of the kernel's time."""
    return {cause.cause: cause.seconds / SECONDS for cause in found.causes}
