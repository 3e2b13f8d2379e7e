"""A run's lines on pytest's terminal."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from bench.machine.advice import warn_of_machine
from bench.networks.rows import describe_inputs
from bench.session.run import Run


def list_header_lines(run: Run) -> list[str]:
    """What stands above all tests: the environment, what is measured, and what is wrong with the machine."""
    facts = run.environment
    comparisons = len(run.selection.comparisons)
    cases = len(run.selection.cases)
    return [
        f"environment {facts['fingerprint']}: {facts['backend']} {facts.get(facts['backend'], '')}, "
        f"Keras {facts['keras']}, oneDNN {facts['onednn']}, {facts['cores']} cores of {facts['cpu']}",
        f"{_name_measured(run)}: {comparisons} comparisons, {cases} cases, shuffled by seed {run.seed}",
        *(f"warning: {text}" for text in warn_of_machine(facts)),
    ]


def _name_measured(run: Run) -> str:
    """What the comparisons are of."""
    if not run.network:
        return f"grid {run.grid}"
    network = run.network.network
    return f"network {network.name} with {describe_inputs(network)}"


def write_line(config: pytest.Config, line: str) -> None:
    """Write a line at once, whatever a test's output goes to; nothing where pytest has no terminal."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not reporter:
        return
    capture = config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        reporter.ensure_newline()
        reporter.write_line(line)
