"""Which saved runs are meant: files, folders, or conditions on their environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.results.files import ResultsError, find_files
from analysis.results.loading import load_results
from analysis.results.tables import Results

_CONDITION = re.compile(r"^([A-Za-z_][\w.]*)=(.*)$")


def load_selected(wanted: str, *places: Path) -> Results:
    """The runs that ``wanted`` names, all of one environment.

    ``wanted`` is a comma-separated list. Each part is a result file, a folder of them, or a condition
    such as ``tensorflow=2.20``, ``onednn=off`` or ``flags.OMP_NUM_THREADS=1``, which every run must meet;
    with conditions alone, the runs in ``places`` are looked through. Raises :class:`ResultsError`.
    """
    paths, conditions = _parse(wanted)
    kept = _keep_meeting(load_results(find_files(paths or places)), conditions, wanted)
    environments = {run.fingerprint: write_environment(run.environment) for run in kept.runs}
    if len(environments) > 1:
        raise ResultsError(
            f"{wanted!r} names runs of {len(environments)} environments, where one is needed: "
            f"{'; '.join(sorted(environments.values()))}"
        )
    return kept


def select_by_conditions(wanted: str, everything: Results) -> Results:
    """The runs that meet the conditions in ``wanted``, of one environment or several.

    Raises :class:`ResultsError` where there are none, or where it holds something else than conditions.
    """
    conditions = {}
    for part in wanted.split(","):
        match = _CONDITION.match(part.strip())
        if not match:
            raise ResultsError(f"{wanted!r} is no list of conditions such as backend=jax,onednn=off")
        conditions[match[1]] = match[2]
    return _keep_meeting(everything, conditions, wanted)


def write_environment(environment: Mapping[str, Any]) -> str:
    """An environment, short: ``tensorflow 2.21.0, keras 3.15.1, onednn on (0123456789)``."""
    backend = environment["backend"]
    facts = {
        backend: environment.get(backend),
        "keras": environment["keras"],
        "onednn": environment["onednn"],
    }
    facts |= environment.get("flags", {})
    return f"{', '.join(f'{name} {value}' for name, value in facts.items())} ({environment['fingerprint']})"


def describe_place(environment: Mapping[str, Any]) -> str:
    """Where something was measured: the processor, and what ran on it."""
    return f"{environment['cores']} cores of {environment['cpu']}, {write_environment(environment)}"


def _keep_meeting(found: Results, conditions: Mapping[str, str], wanted: str) -> Results:
    kept = {run.number for run in found.runs if _meets(run.environment, conditions)}
    if not kept:
        there = sorted({write_environment(run.environment) for run in found.runs})
        raise ResultsError(f"no run meets {wanted!r}; there are: {'; '.join(there)}")
    return found.select_runs(kept)


def _parse(wanted: str) -> tuple[list[Path], dict[str, str]]:
    paths: list[Path] = []
    conditions: dict[str, str] = {}
    for part in wanted.split(","):
        part = part.strip()
        match = _CONDITION.match(part)
        # A file may be called so, too.
        if match and not Path(part).exists():
            conditions[match[1]] = match[2]
        elif part:
            paths.append(Path(part))
    if not paths and not conditions:
        raise ResultsError("name a result file, a folder, or a condition such as tensorflow=2.20")
    return paths, conditions


def _meets(environment: Mapping[str, Any], conditions: Mapping[str, str]) -> bool:
    return all(_equals(_find_fact(environment, name.split(".")), value) for name, value in conditions.items())


def _find_fact(facts: Any, names: Sequence[str]) -> Any:
    for name in names:
        facts = facts.get(name) if isinstance(facts, Mapping) else None
    return facts


def _equals(fact: Any, wanted: str) -> bool:
    """``2.20`` is also every ``2.20.x``."""
    text = "" if fact is None else str(fact)
    return text == wanted or text.startswith(f"{wanted}.")
