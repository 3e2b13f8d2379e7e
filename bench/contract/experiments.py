"""Controlled experiments on the kernels of a traced case: written by ``bench.tracing``, read by ``analysis``.

A kernel's *arms* are runs of it that take turns: as it is inside the step, alone, with one thread, with more
images, and so on. Two arms differ in one thing, so the ratio of their times says what that thing costs.
``docs/method.md`` says how the arms become a sum. Needs nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.contract.cases import ConvCase

#: The file beside a trace.
EXPERIMENTS = "experiments.json"
#: A file of a newer version is not read.
EXPERIMENTS_SCHEMA = 1

#: The processes that take turns: with the run's own settings; with one thread; without oneDNN; with oneDNN
#: kept from the processor's widest vectors.
AS_IS, SINGLE_THREAD, WITHOUT_ONEDNN, NARROWER_VECTORS = (
    "as is",
    "one thread",
    "oneDNN off",
    "narrower vectors",
)

#: The kernel inside the whole step; alone, called again and again; and once more alone, prepared a second
#: time: what the last two differ by is chance.
IN_STEP, ALONE, COPY = "in step", "alone", "copy"
#: Alone, with so many times the images.
BATCH_2, BATCH_4 = "batch 2", "batch 4"
#: Alone with one thread; the same with four times the images.
ONE_THREAD, ONE_THREAD_BATCH_4 = "one thread", "one thread, batch 4"
#: With one thread: fewer and smaller images, which fit a core's cache; channels rounded up to whole vectors.
SMALL_DATA, WHOLE_LANES = "small data", "whole lanes"
#: The same work by another implementation: ``setting`` says which.
OTHER = "other"
#: A shape that suits kernels of this kind, alone with one thread: what the kind reaches at best.
FRIENDLY = "friendly"
#: A call that does nothing, in the process and mode of the arms that are timed from outside.
EMPTY = "empty"
ARMS = (
    IN_STEP,
    ALONE,
    COPY,
    BATCH_2,
    BATCH_4,
    ONE_THREAD,
    ONE_THREAD_BATCH_4,
    SMALL_DATA,
    WHOLE_LANES,
    OTHER,
    FRIENDLY,
    EMPTY,
)

#: What ``setting`` of an :data:`OTHER` arm can be. The last two need scaling: they do another amount of work.
FLOAT32, GRAPH_MODE, LAST_CHANNELS = "float32", "graph mode", "channels last"
NO_ONEDNN, AVX2 = "oneDNN off", "AVX2"
ONE_MULTIPLIER, THREE_WIDE = "depth multiplier 1", "3x3 kernel"
SETTINGS = (FLOAT32, GRAPH_MODE, LAST_CHANNELS, NO_ONEDNN, AVX2, ONE_MULTIPLIER, THREE_WIDE)

#: What is measured with all threads and with one, to know what a second thread can bring at most.
PRODUCT, STREAM = "matrix product", "copy"


@dataclass(frozen=True)
class Arm:
    """One way of running one kernel, with its time in every turn.

    ``case`` is what ran: the whole case for :data:`IN_STEP`, else the kernel's own part of it, without bias
    and activation. The arms of a kernel have equally many turns, and turn i of one belongs to turn i of
    another; only :data:`FRIENDLY` arms may come from another group.
    """

    arm: str
    process: str
    case: ConvCase
    #: Seconds a call from outside, for every turn.
    wall_seconds: tuple[float, ...]
    #: Seconds of the kernel by oneDNN's own clock, for every turn; empty where its log does not show it.
    seconds: tuple[float, ...] = ()
    #: oneDNN's name of what ran; empty where its log does not show it.
    implementation: str = ""
    #: Which other implementation: one of :data:`SETTINGS`; empty for other arms.
    setting: str = ""

    def as_dict(self, whole: ConvCase) -> dict[str, Any]:
        """As JSON has it: of ``case`` only what differs from the ``whole`` case, and times to five digits."""
        base = whole.as_dict()
        return {
            "arm": self.arm,
            "process": self.process,
            "changes": {name: value for name, value in self.case.as_dict().items() if value != base[name]},
            "wall_seconds": _round(self.wall_seconds),
            "seconds": _round(self.seconds),
            "implementation": self.implementation,
            "setting": self.setting,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], whole: ConvCase) -> Arm:
        """The inverse of :meth:`as_dict`. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""
        return cls(
            arm=str(fields["arm"]),
            process=str(fields["process"]),
            case=ConvCase.from_dict({**whole.as_dict(), **fields["changes"]}),
            wall_seconds=_read_seconds(fields["wall_seconds"]),
            seconds=_read_seconds(fields["seconds"]),
            implementation=str(fields["implementation"]),
            setting=str(fields["setting"]),
        )


@dataclass(frozen=True)
class KernelExperiment:
    """The arms of one kernel of the case: (operation, role) as in :mod:`bench.contract.kernels`."""

    operation: str
    role: str
    arms: tuple[Arm, ...]

    def as_dict(self, whole: ConvCase) -> dict[str, Any]:
        arms = [arm.as_dict(whole) for arm in self.arms]
        return {"operation": self.operation, "role": self.role, "arms": arms}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], whole: ConvCase) -> KernelExperiment:
        """The inverse of :meth:`as_dict`. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""
        arms = tuple(Arm.from_dict(arm, whole) for arm in fields["arms"])
        return cls(str(fields["operation"]), str(fields["role"]), arms)


@dataclass(frozen=True)
class ThreadScaling:
    """A matrix product, or a copy over a working set, with all threads and with one, for every turn."""

    #: :data:`PRODUCT` or :data:`STREAM`.
    kind: str
    #: Bytes that a copy works on; 0 for a product.
    working_set_bytes: int
    seconds: tuple[float, ...]
    one_thread_seconds: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "working_set_bytes": self.working_set_bytes,
            "seconds": _round(self.seconds),
            "one_thread_seconds": _round(self.one_thread_seconds),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ThreadScaling:
        """The inverse of :meth:`as_dict`. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""
        return cls(
            kind=str(fields["kind"]),
            working_set_bytes=int(fields["working_set_bytes"]),
            seconds=_read_seconds(fields["seconds"]),
            one_thread_seconds=_read_seconds(fields["one_thread_seconds"]),
        )


@dataclass(frozen=True)
class Experiments:
    """All experiments on the kernels of ``case``."""

    case: ConvCase
    #: Of the process that is as the run was.
    threads: int
    kernels: tuple[KernelExperiment, ...]
    scalings: tuple[ThreadScaling, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As :data:`EXPERIMENTS` has it."""
        return {
            "schema": EXPERIMENTS_SCHEMA,
            "case": self.case.as_dict(),
            "threads": self.threads,
            "kernels": [kernel.as_dict(self.case) for kernel in self.kernels],
            "scalings": [scaling.as_dict() for scaling in self.scalings],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Experiments:
        """The inverse of :meth:`as_dict`. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""
        if fields["schema"] != EXPERIMENTS_SCHEMA:
            raise ValueError(f"experiments of schema {fields['schema']!r}, not {EXPERIMENTS_SCHEMA}")
        case = ConvCase.from_dict(fields["case"])
        return cls(
            case=case,
            threads=int(fields["threads"]),
            kernels=tuple(KernelExperiment.from_dict(kernel, case) for kernel in fields["kernels"]),
            scalings=tuple(ThreadScaling.from_dict(scaling) for scaling in fields["scalings"]),
        )


def _round(seconds: Sequence[float]) -> list[float]:
    """No clock here is truer than this."""
    return [float(f"{value:.5g}") for value in seconds]


def _read_seconds(values: Sequence[Any]) -> tuple[float, ...]:
    """Finite numbers above 0; ``ValueError`` or ``TypeError`` for anything else."""
    seconds = tuple(float(value) for value in values)
    if any(not 0 < value < 1e9 for value in seconds):
        raise ValueError("a time is a finite number above 0")
    return seconds
