"""The process that traces a network: ``python -m bench.tracing.network_child`` reads a job from stdin."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.contract.networks import NETWORK_CAPTURE, FoundLayer, NetworkCapture
from bench.frameworks.interface import Framework, summarize_error
from bench.frameworks.loading import load_framework
from bench.networks.converting import build_variant
from bench.networks.inputs import draw_inputs
from bench.networks.loading import Network, load_network
from bench.networks.steps import prepare_step
from bench.networks.walking import watch_scopes
from bench.timing.settling import settle
from bench.tracing.job import NetworkJob, NetworkTarget
from bench.tracing.recording import begin_child, count_affordable_steps, record_trace

#: A step of a network has hundreds of operations, and a trace of twenty steps takes megabytes.
_MOST_STEPS = 10


def main() -> None:
    """Trace what the job on standard input says."""
    begin_child()
    job = NetworkJob.from_json(sys.stdin.read())
    framework = load_framework()
    network = load_network(job.model, job.batch, job.input_shapes, unsafe=job.unsafe)
    problems = []
    for target in job.targets:
        try:
            _trace(network, job.layers, target, framework)
        except Exception as error:  # whatever it is, the others are traced
            problems.append(f"{target.variant}, {target.direction}: {summarize_error(error)}")
    if problems:
        sys.exit("; ".join(problems))


def _trace(
    network: Network, layers: Sequence[FoundLayer], target: NetworkTarget, framework: Framework
) -> None:
    """Write the trace of ``target``, and then how it was captured."""
    with framework.place_on(target.device):
        model = build_variant(network, target.changed, layers)
    # Operations are made, and so named, while the step is prepared.
    with watch_scopes(model, framework.read_scope) as scopes:
        workload = prepare_step(
            framework, model, draw_inputs(network), target.direction, target.mode, target.device
        )
    settle(workload.call, time.perf_counter)
    folder = Path(target.folder)
    folder.mkdir(parents=True, exist_ok=True)
    steps = count_affordable_steps(workload.call, _MOST_STEPS)
    recorded = record_trace(workload.call, steps, folder, framework)
    captured = NetworkCapture(
        network=network.name,
        variant=target.variant,
        direction=target.direction,
        scopes=dict(scopes),
        **asdict(recorded),
    )
    _write(folder / NETWORK_CAPTURE, captured.as_dict())


def _write(file: Path, content: dict[str, Any]) -> None:
    """Written last: a folder with this file is complete."""
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
