"""What a run measures, chosen by its options: comparisons, ceilings, remedies, contrasts, trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contract.cases import DTYPES, MODES, ConvCase
from bench.contract.claims import Trial, list_contrasts
from bench.mnist.models import MODELS
from bench.plan.ceilings import Ceiling, list_ceilings
from bench.plan.comparisons import AXIS_OF, Axes, Comparison, Shape, expand
from bench.plan.grids import load_grid
from bench.plan.remedies import Remedy, list_remedies
from bench.plan.shape_files import read_shapes
from bench.session.options import Options
from bench.workloads.layers import refuse_unknown_activations

DEFAULT_GRID = "default"
#: The grid whose comparisons are public claims; what they set against each other beyond that comes with it.
_CLAIMS_GRID = "claims"


@dataclass(frozen=True)
class SelectedCase:
    """A case and the comparison that it is measured in."""

    case: ConvCase
    comparison: Comparison


@dataclass(frozen=True)
class Selection:
    """What a run measures, in the order of measuring; mappings are by id."""

    comparisons: tuple[Comparison, ...]
    cases: Mapping[str, SelectedCase]
    ceilings: Mapping[str, Ceiling]
    #: What could be done about slow cases. Only lock-step can tell what it gains.
    remedies: Mapping[str, Remedy]
    #: What public claims set against each other beyond comparisons.
    contrasts: Mapping[str, Trial]
    #: MNIST trainings: the model's name and the number of the repeat, counted from 0.
    trainings: Mapping[str, tuple[str, int]]

    def find_measured(self, parameters: Mapping[str, Any]) -> ConvCase | Ceiling | None:
        """The case or the ceiling that a test with ``parameters`` measures; a training is neither."""
        if "case_id" in parameters:
            return self.cases[parameters["case_id"]].case
        if "limit" in parameters:
            return self.ceilings[parameters["limit"]]
        if "remedy_id" in parameters:
            return self.remedies[parameters["remedy_id"]].remedied
        if "contrast_id" in parameters:
            return self.contrasts[parameters["contrast_id"]].case
        return None


def choose_shapes(options: Options) -> tuple[str, Sequence[Shape]]:
    """The name of the grid, or of the file, and its shapes.

    Raises ``ValueError`` where there is no such grid, or where the file holds none.
    """
    if options.shapes:
        return options.shapes, read_shapes(Path(options.shapes))
    name = options.grid or DEFAULT_GRID
    return name, load_grid(name).shapes


def choose_comparisons(
    grid: str, shapes: Sequence[Shape], options: Options, devices: Sequence[str]
) -> list[Comparison]:
    """The comparisons of ``shapes`` on ``devices``, with the directions, modes and dtypes asked for.

    Raises ``ValueError`` where none is left, or where Keras lacks an activation.
    """
    asked = {"direction": options.directions, "mode": options.modes, "dtype": options.dtypes}
    chosen = {field: values for field, values in asked.items() if values}
    values_by_axis = {AXIS_OF[field]: values for field, values in chosen.items()}
    comparisons = expand(shapes, Axes(devices, **values_by_axis, chosen=frozenset(chosen)))
    if not comparisons:
        raise ValueError(f"nothing is left of {grid} with these directions, modes, dtypes and devices")
    refuse_unknown_activations(case for comparison in comparisons for case in comparison.cases)
    return list(comparisons)


def select(
    grid: str, comparisons: Sequence[Comparison], options: Options, devices: Sequence[str], backend: str
) -> Selection:
    """What is measured along with ``comparisons``, which are in the order of measuring."""
    selected = [SelectedCase(case, comparison) for comparison in comparisons for case in comparison.cases]
    remedies: list[Remedy] = []
    contrasts: list[Trial] = []
    if not options.in_turn:
        remedies = list_remedies(comparisons, options.remedies, backend)
        if grid == _CLAIMS_GRID:
            contrasts = list(list_contrasts(tuple(devices)))
    ceilings = choose_ceilings([each.case for each in selected])
    return Selection(
        comparisons=tuple(comparisons),
        cases={each.case.id: each for each in selected},
        ceilings={ceiling.id: ceiling for ceiling in ceilings},
        remedies={remedy.id: remedy for remedy in remedies},
        contrasts={contrast.id: contrast for contrast in contrasts},
        trainings=list_trainings(options),
    )


def choose_ceilings(cases: Sequence[ConvCase]) -> tuple[Ceiling, ...]:
    """The ceilings of the devices, dtypes and modes of ``cases``."""
    devices = sorted({case.device for case in cases})
    dtypes = {case.dtype for case in cases}
    modes = {case.mode for case in cases}
    return list_ceilings(
        devices,
        [dtype for dtype in DTYPES if dtype in dtypes],
        [mode for mode in MODES if mode in modes],
    )


def list_trainings(options: Options) -> dict[str, tuple[str, int]]:
    """The MNIST trainings. Whoever asks for certain shapes asks for none, unless by name."""
    if not options.mnist_in_full and (options.grid or options.shapes):
        return {}
    first, last = options.repeats
    models = options.models or tuple(MODELS)
    return {f"{model}-{number}": (model, number - 1) for number in range(first, last + 1) for model in models}
