"""Traces of a network, from which the time of its layers inside it is known: in a child after timing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.contract.networks import NETWORK_CAPTURE, FoundLayer
from bench.networks.loading import Network
from bench.tracing.capturing import SERIAL, run_child
from bench.tracing.job import NetworkJob, NetworkTarget


def capture(
    network: Network,
    layers: Sequence[FoundLayer],
    targets: Sequence[NetworkTarget],
    unsafe: bool,
    tell: Callable[[str], None],
) -> dict[NetworkTarget, Path]:
    """Trace ``targets`` of ``network`` with these ``layers``; returns the folder of each that has a trace.

    ``tell`` is given what went wrong.
    """
    job = NetworkJob(
        network.model, network.batch, network.input_shapes, unsafe, tuple(layers), tuple(targets)
    )
    problem = run_child("bench.tracing.network_child", job, SERIAL, len(targets))
    if problem:
        tell(problem)
    folders = {target: Path(target.folder) for target in targets}
    return {target: folder for target, folder in folders.items() if (folder / NETWORK_CAPTURE).exists()}
