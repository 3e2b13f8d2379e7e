"""Loads the framework, and describes it and the machine before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.frameworks.interface import Framework
from bench.frameworks.loading import choose_devices, load_framework
from bench.machine.disturbance import measure_busy_share
from bench.machine.environment import collect_environment
from bench.session import onednn_probe
from bench.workloads.faults import describe_faults


@dataclass(frozen=True)
class LoadedFramework:
    """The framework, its devices that cases are measured on, and the environment as it is saved."""

    framework: Framework
    devices: tuple[str, ...]
    environment: Mapping[str, Any]


def load_and_describe(devices: Sequence[str], faults: Mapping[str, Mapping[str, Any]]) -> LoadedFramework:
    """Load the framework for ``devices``, or for all that it has where none is given.

    Raises ``ValueError`` where it does not load, or where there is no such device.
    """
    # First: loading a framework keeps the processor busy.
    busy_at_start = measure_busy_share()
    # oneDNN answers while the framework loads here.
    with onednn_probe.Probe() as probe:
        framework = load_framework()
        chosen = choose_devices(devices, framework.list_devices())
        environment = collect_environment(
            {**framework.describe(), **describe_faults(faults)},
            framework.name,
            probe.answer(),
            busy_at_start,
        )
    return LoadedFramework(framework, chosen, environment)
