"""What a run measures, chosen by its options: comparisons, ceilings, remedies, contrasts, trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.contract.case_ids import ASKED_BY_ID
from bench.contract.cases import DTYPES, MODES, ConvCase
from bench.contract.claims import Trial, list_contrasts
from bench.mnist.models import MODELS
from bench.networks.rows import NetworkRow
from bench.plan.ceilings import Ceiling, list_ceilings
from bench.plan.comparisons import AXIS_OF, Axes, Comparison, Shape, expand, pin_case
from bench.plan.grids import load_grid
from bench.plan.remedies import Remedy, list_remedies
from bench.plan.shape_files import read_shapes
from bench.session.found_network import FoundNetwork
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
    #: The user's network, by row, and what of it is measured alone but is no case.
    networks: Mapping[str, NetworkRow] = field(default_factory=dict)
    blocks: Mapping[str, NetworkRow] = field(default_factory=dict)

    def find_measured(self, parameters: Mapping[str, Any]) -> object | None:
        """The case, ceiling, network or block that a test with these measures; ``None`` for a training."""
        if "case_id" in parameters:
            return self.cases[parameters["case_id"]].case
        if "remedy_id" in parameters:
            return self.remedies[parameters["remedy_id"]].remedied
        if "contrast_id" in parameters:
            return self.contrasts[parameters["contrast_id"]].case
        for parameter, rows in (
            ("limit", self.ceilings),
            ("network_id", self.networks),
            ("block_id", self.blocks),
        ):
            if parameter in parameters:
                return rows[parameters[parameter]]
        return None


def choose_shapes(options: Options) -> tuple[str, Sequence[Shape]]:
    """The name of the grid, or of the file, and its shapes; of cases asked for by id, :data:`ASKED_BY_ID`.

    A network's shapes are known when it is loaded. Raises ``ValueError`` where there is no such grid, or
    where the file holds none.
    """
    if options.network:
        return ASKED_BY_ID, []
    if options.cases:
        return ASKED_BY_ID, [pin_case(case) for case in options.cases]
    if options.shapes:
        return options.shapes, read_shapes(Path(options.shapes))
    name = options.grid or DEFAULT_GRID
    return name, load_grid(name).shapes


def choose_comparisons(
    grid: str, shapes: Sequence[Shape], options: Options, devices: Sequence[str]
) -> list[Comparison]:
    """The comparisons of ``shapes`` on ``devices``, with the directions, modes and dtypes asked for.

    Raises ``ValueError`` where none is left, where a case is of another device, or where Keras lacks an
    activation.
    """
    for case in options.cases:
        if case.device not in devices:
            raise ValueError(f"--case: {case.device} is not measured here; there are: {', '.join(devices)}")
    asked = {"direction": options.directions, "mode": options.modes, "dtype": options.dtypes}
    chosen = {field: values for field, values in asked.items() if values}
    values_by_axis = {AXIS_OF[field]: values for field, values in chosen.items()}
    comparisons = expand(shapes, Axes(devices, **values_by_axis, chosen=frozenset(chosen)))
    # A network is also measured where none of its layers can change.
    if not comparisons and not options.network:
        raise ValueError(f"nothing is left of {grid} with these directions, modes, dtypes and devices")
    refuse_unknown_activations(case for comparison in comparisons for case in comparison.cases)
    return list(comparisons)


def select(
    grid: str,
    comparisons: Sequence[Comparison],
    options: Options,
    devices: Sequence[str],
    backend: str,
    network: FoundNetwork | None = None,
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
        networks={row.id: row for row in network.list_rows()} if network else {},
        blocks={row.id: row for row in network.list_blocks()} if network else {},
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
    if not options.mnist_in_full and (options.grid or options.shapes or options.cases or options.network):
        return {}
    first, last = options.repeats
    models = options.models or tuple(MODELS)
    return {f"{model}-{number}": (model, number - 1) for number in range(first, last + 1) for model in models}
