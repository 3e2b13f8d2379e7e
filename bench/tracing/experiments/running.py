"""Runs the experiments: which arms can be had, in which turns, and what is written beside each trace.

All arms on the kernels of one layer take turns, slice by slice, over all processes: one measures, the others
wait. So the machine's drift hits all alike, and ratios within a turn say what the change does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.contract import experiments as names
from bench.contract.cases import ConvCase
from bench.contract.ceilings import COPY, EMPTY_CALL, MATRIX_PRODUCT
from bench.contract.experiments import Arm, Experiments, KernelExperiment, ThreadScaling
from bench.contract.kernels import list_roles
from bench.contract.writing import replace_file
from bench.machine.capacity import read_asked_threads
from bench.plan.ceilings import Ceiling
from bench.plan.experiments import (
    Conditions,
    PlannedArm,
    PlannedKernel,
    count_image_bytes,
    group_cases,
    list_arms,
    list_friendly,
    list_kernels,
)
from bench.tracing.capturing import SERIAL
from bench.tracing.experiments.child import ONE_PROCESSOR
from bench.tracing.experiments.quick_limits import QuickLimits
from bench.tracing.experiments.talking import Child, ChildLost, start_children
from bench.tracing.experiments.turns import Runner, take_turns

#: A kernel under this share of every step that it is in is not asked about. It is less than what a reader is
#: told of, since the trace may say another share.
_LEAST_SHARE = 0.02
#: An arm whose call takes longer than this is left out, but for the kernel alone.
_LONGEST_CALL_SECONDS = 0.1
#: And one whose input and output take more bytes than this.
_MOST_BYTES = 2**29
#: How many times longer a call of an arm may take than the kernel alone.
_LONGER = {
    names.BATCH_2: 2,
    names.BATCH_4: 4,
    names.ONE_THREAD_BATCH_4: 8,
}
#: Processes that die are started again so many times in all.
_MOST_STARTS = 4
_SCALED_PRODUCT = 1024
#: In bytes. Over smaller sets a copy mostly waits for its threads.
_SCALED_SETS = (2**22, 2**24, 2**26)
_FLOAT32_BYTES = 4


def run_experiments(
    folders: Mapping[ConvCase, Path],
    environment: Mapping[str, Any],
    tell: Callable[[str], None],
) -> None:
    """Write :data:`bench.contract.experiments.EXPERIMENTS` into the folder of each case, where it can be had.

    ``environment`` is ``machine_info.environment``. A process that dies costs the layer that was measured;
    ``tell`` is given a sentence about it.
    """
    left = group_cases(list(folders))
    conditions = Conditions.of(environment, _count_threads(environment))
    for _ in range(_MOST_STARTS):
        if not left:
            return
        try:
            with start_children(_set_variables(conditions, left)) as children:
                laboratory = _Laboratory(children, conditions)
                while left:
                    # It is not tried again, should a process die of it.
                    for experiments in laboratory.examine(left.pop(0)):
                        content = json.dumps(experiments.as_dict())
                        replace_file(folders[experiments.case] / names.EXPERIMENTS, content.encode())
        except (ChildLost, OSError) as error:
            tell(f"experiments on kernels: {error}")
    if left:
        tell(f"experiments on kernels: the processes died too often; {len(left)} layers are left out")


def _count_threads(environment: Mapping[str, Any]) -> int:
    """Those of an operation, as the environment says it."""
    configured = environment.get("threads", {}).get("intra_op") or 0
    return configured or read_asked_threads(environment.get("flags", {})) or environment["cores"]


def _set_variables(conditions: Conditions, groups: Sequence[Sequence[ConvCase]]) -> dict[str, dict[str, str]]:
    """The processes that these groups need, with all variables of each."""
    processes = conditions.list_processes()
    if not any(case.device.startswith("CPU") for group in groups for case in group):
        processes = {names.AS_IS: {}}
    common = {**SERIAL, "ONEDNN_VERBOSE": "1"}
    found = {name: {**common, **variables} for name, variables in processes.items()}
    if conditions.backend == "jax" and names.SINGLE_THREAD in found:
        # It counts the processors that it may use.
        found[names.SINGLE_THREAD][ONE_PROCESSOR] = "1"
    return found


class _Laboratory:
    """The living processes, and what was measured for all layers: scalings and friendly shapes."""

    def __init__(self, children: Mapping[str, Child], conditions: Conditions) -> None:
        self._children = children
        self._conditions = conditions
        self._friendly: dict[tuple[PlannedArm, ...], list[Arm]] = {}
        self._limits = QuickLimits()
        self._scalings = self._measure_scalings()

    def examine(self, cases: Sequence[ConvCase]) -> list[Experiments]:
        """All experiments on the kernels of ``cases``, one layer's; one result a case."""
        self._forget()
        steps = self._prepare_steps(cases)
        kernels = [kernel for kernel in list_kernels(cases) if self._is_worth(kernel, cases, steps)]
        arms = {kernel: self._prepare_arms(kernel) for kernel in kernels}
        every = [runner for runners in arms.values() for runner in runners]
        empty = self._prepare_empty(every)
        take_turns([*steps.values(), *every, *empty])
        found = {
            kernel: self._collect(kernel, [*runners, *empty]) for kernel, runners in arms.items() if runners
        }
        results = []
        for case in cases:
            own = [kernel for kernel in found if (kernel.operation, kernel.role) in list_roles(case)]
            experiments = [
                KernelExperiment(
                    kernel.operation,
                    kernel.role,
                    (*_collect_step(steps.get(case), kernel), *found[kernel]),
                )
                for kernel in own
            ]
            results.append(Experiments(case, self._conditions.threads, tuple(experiments), self._scalings))
        return results

    def _is_worth(
        self, kernel: PlannedKernel, cases: Sequence[ConvCase], steps: Mapping[ConvCase, Runner]
    ) -> bool:
        """Whether the kernel is slow in some step and takes enough of it, or nobody knows."""
        own = [
            steps[case]
            for case in cases
            if case in steps and (kernel.operation, kernel.role) in list_roles(case)
        ]
        if not own:
            return True
        for step in own:
            seconds, share = step.find_kernel(f"{kernel.operation} {kernel.role}")
            if not seconds or (share >= _LEAST_SHARE and self._limits.may_be_slow(kernel, seconds)):
                return True
        return False

    def _forget(self) -> None:
        for child in self._children.values():
            child.ask(do="forget")

    def _prepare_steps(self, cases: Sequence[ConvCase]) -> dict[ConvCase, Runner]:
        """The whole steps, where oneDNN's log tells the kernels apart; measured once to know their shares."""
        if not self._conditions.has_onednn:
            return {}
        steps = {}
        for case in cases:
            runner = self._prepare(PlannedArm(names.IN_STEP, names.AS_IS, case))
            if runner and runner.measure()["kernels"]:
                steps[case] = runner
        return steps

    def _prepare_arms(self, kernel: PlannedKernel) -> list[Runner]:
        """The arms of ``kernel`` that can be had and do not take too long, the kernel alone first."""
        alone, *others = list_arms(kernel, self._conditions)
        first = self._prepare(alone) if count_image_bytes(alone.case) <= _MOST_BYTES else None
        if first is None:
            return []
        ready = (self._prepare(planned) for planned in others if _is_affordable(planned, first))
        return [first, *(runner for runner in ready if runner and not _explains_nothing(runner, first))]

    def _prepare_empty(self, runners: Sequence[Runner]) -> list[Runner]:
        """An empty call in each process of ``runners``, in the mode of the first; none for eager ones."""
        if not runners or runners[0].planned.case.mode == "eager":
            return []
        case = runners[0].planned.case
        ceiling = Ceiling(EMPTY_CALL, case.device, mode=case.mode)
        processes = dict.fromkeys(runner.planned.process for runner in runners)
        found = [self._prepare(PlannedArm(names.EMPTY, process, case), ceiling) for process in processes]
        return [runner for runner in found if runner]

    def _prepare(self, planned: PlannedArm, ceiling: Ceiling | None = None) -> Runner | None:
        """``planned``, or ``ceiling`` in its process, ready to run; ``None`` where it cannot run here."""
        child = self._children.get(planned.process)
        return Runner.prepare(child, planned, ceiling) if child else None

    def _collect(self, kernel: PlannedKernel, runners: Sequence[Runner]) -> list[Arm]:
        name = f"{kernel.operation} {kernel.role}"
        return [runner.collect(name) for runner in runners] + self._measure_friendly(kernel, name)

    def _measure_friendly(self, kernel: PlannedKernel, name: str) -> list[Arm]:
        """The friendly shapes of the kernel's kind, measured once."""
        planned = tuple(list_friendly(kernel, self._conditions))
        if planned not in self._friendly:
            runners = [runner for arm in planned if (runner := self._prepare(arm))]
            empty = self._prepare_empty(runners)
            take_turns([*runners, *empty])
            # What the log does not show is timed from outside, and less by an empty call already.
            calls = [runner.collect(name) for runner in empty]
            arms = [_subtract_empty(runner.collect(name), calls) for runner in runners]
            self._friendly[planned] = [arm for arm in arms if arm]
        return self._friendly[planned]

    def _measure_scalings(self) -> tuple[ThreadScaling, ...]:
        """What a matrix product and copies gain from the threads."""
        if names.SINGLE_THREAD not in self._children:
            return ()
        ceilings = [Ceiling(MATRIX_PRODUCT, "CPU:0", size=_SCALED_PRODUCT)] + [
            Ceiling(COPY, "CPU:0", size=size // 2 // _FLOAT32_BYTES, repeats=max(1, 2**27 // size))
            for size in _SCALED_SETS
        ]
        nothing = ConvCase()
        found = []
        for ceiling in ceilings:
            pair = [
                self._prepare(PlannedArm(names.EMPTY, process, nothing), ceiling)
                for process in (names.AS_IS, names.SINGLE_THREAD)
            ]
            if all(pair):
                take_turns(pair)
                kind = names.PRODUCT if ceiling.kind == MATRIX_PRODUCT else names.STREAM
                walls = [runner.collect("").wall_seconds for runner in pair]
                self._limits.add(ceiling, min(walls[0]))
                found.append(ThreadScaling(kind, ceiling.working_set_bytes, *walls))
        return tuple(found)


def _is_affordable(planned: PlannedArm, alone: Runner) -> bool:
    """Whether an arm of the kernel that is ``alone`` takes neither too long nor too much memory."""
    seconds = alone.call_seconds * _LONGER.get(planned.arm, 1)
    is_short = seconds <= _LONGEST_CALL_SECONDS or planned.arm == names.OTHER
    return is_short and count_image_bytes(planned.case) <= _MOST_BYTES


def _explains_nothing(runner: Runner, alone: Runner) -> bool:
    """Whether it is another implementation, and long and clearly slower than the kernel ``alone``."""
    is_slower = runner.call_seconds > max(2 * alone.call_seconds, _LONGEST_CALL_SECONDS)
    return runner.planned.arm == names.OTHER and is_slower


def _collect_step(step: Runner | None, kernel: PlannedKernel) -> list[Arm]:
    """The kernel inside the step, where oneDNN's log showed it in every turn."""
    arm = step.collect(f"{kernel.operation} {kernel.role}") if step else None
    return [arm] if arm and arm.seconds else []


def _subtract_empty(arm: Arm, empty: Sequence[Arm]) -> Arm | None:
    """``arm`` with its times from outside less those of an empty call, turn by turn.

    What oneDNN's log shows stays as it is. ``None`` for what is too short for the clock outside.
    """
    own = next((one for one in empty if one.process == arm.process), None)
    if own is None or arm.seconds:
        return arm
    calls = zip(arm.wall_seconds, own.wall_seconds, strict=True)
    seconds = tuple(wall - call for wall, call in calls)
    return replace(arm, wall_seconds=seconds) if min(seconds) > 0 else None
