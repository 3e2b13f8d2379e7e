"""A run's network: its layers alone decide what is recommended, and then it is measured whole."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.contract.cases import ConvCase
from bench.contract.fingerprint import compute_digest
from bench.contract.networks import (
    AS_IT_IS,
    DENSE,
    INFERENCE,
    RECOMMENDED,
    TRAINING,
    TRAINING_WITH_ADAM,
    VARIANTS,
    FoundLayer,
)
from bench.frameworks.interface import Framework, summarize_error
from bench.machine.capacity import measure_free_memory
from bench.networks.blocks import build_block
from bench.networks.comparisons import list_shapes
from bench.networks.converting import convert
from bench.networks.finding import find_layers
from bench.networks.inputs import draw_inputs
from bench.networks.loading import Network, load_network
from bench.networks.rows import BlockRow, NetworkRow, list_block_rows, list_network_rows
from bench.networks.steps import prepare_block, prepare_step
from bench.networks.structure.memory import refuse_too_large
from bench.networks.variants import LayersAlone, choose_changes, count_after, explain_absence, name_block
from bench.plan.comparisons import Shape
from bench.session.options import Options
from bench.timing.measuring import Measurements
from bench.timing.outcome import Outcome
from bench.tracing.job import NetworkTarget
from bench.workloads.preparing import Workload


@dataclass(frozen=True)
class FoundNetwork:
    """The network that is asked for, its layers, and in which modes and on which devices it is measured."""

    network: Network
    layers: tuple[FoundLayer, ...]
    #: Of its layers.
    directions: tuple[str, ...]
    modes: tuple[str, ...]
    devices: tuple[str, ...]

    def list_shapes(self) -> list[Shape]:
        """What its layers are compared by, each alone."""
        places = itertools.product(self.modes, self.devices)
        return [shape for mode, device in places for shape in list_shapes(self.layers, mode, device)]

    def list_rows(self) -> list[NetworkRow]:
        """The rows of the whole network."""
        return list_network_rows(self.network, self.directions, self.modes, self.devices)

    def list_blocks(self) -> list[BlockRow]:
        """The rows of what is measured alone but is no case."""
        return list_block_rows(self.network, self.layers, self.directions, self.modes, self.devices)


def find_network(options: Options, devices: Sequence[str]) -> FoundNetwork | None:
    """The network that ``options`` ask for; ``None`` where they ask for none. Raises ``ValueError``."""
    asked = options.network
    if not asked:
        return None
    network = load_network(asked.model, asked.batch, asked.input_shapes, unsafe=asked.unsafe)
    modes = options.modes or ("graph",)
    layers = find_layers(network, modes[0], devices[0])
    refuse_too_large(network, layers, measure_free_memory(), trains="train" in asked.directions)
    return FoundNetwork(network, tuple(layers), asked.directions, modes, tuple(devices))


#: What the rows of layers say: the cases measured so far with their rows' ``extra_info``, by id.
Measured = Mapping[str, tuple[ConvCase, Mapping[str, Any]]]


class NetworkRun:
    """What a run measures of ``network``, whose ``layers`` were found.

    ``measured`` and ``not_measured`` are the run's own: they fill while its layers are measured alone.
    ``tell`` is given a line before something takes long.
    """

    def __init__(
        self,
        network: Network,
        layers: Sequence[FoundLayer],
        framework: Framework,
        measurements: Measurements,
        measured: Measured,
        not_measured: Sequence[Mapping[str, Any]],
    ) -> None:
        self.network = network
        self.layers = tuple(layers)
        self.tell: Callable[[str], None] = lambda line: None
        #: The rows measured so far, with their ``extra_info``.
        self.rows: list[tuple[NetworkRow, dict[str, Any]]] = []
        self._framework = framework
        self._measurements = measurements
        self._measured = measured
        self._not_measured = not_measured
        self._block_ratios: dict[str, Sequence[float]] = {}
        self._refused_blocks: set[str] = set()
        # Measurements are kept by name; another network of the same name has others.
        self._digest = compute_digest(
            {
                "model": network.model,
                "batch": network.batch,
                "inputs": network.input_shapes,
                "layers": [layer.as_dict() for layer in layers],
            }
        )

    def measure_block(self, row: BlockRow) -> Outcome:
        """The outcome of ``row``, measured in lock-step with its other side.

        Raises what preparing it raised.
        """
        prepares = {
            variant: partial(self.prepare_block, dataclasses.replace(row, variant=variant))
            for variant in (AS_IT_IS, DENSE)
        }
        outcomes = self._measurements.measure_group(f"{row.group} {self._digest}", prepares, row.device)
        layer = self._find_layer(row.layer)
        name = name_block(layer, row.direction, row.mode, row.device)
        if any(outcome.error for outcome in outcomes.values()):
            self._refused_blocks.add(name)
        else:
            self._block_ratios[name] = outcomes[DENSE].paired.ratios
        return _raise_or_return(outcomes[row.variant])

    def prepare_block(self, row: BlockRow) -> Workload:
        """The workload of ``row``."""
        layer = self._find_layer(row.layer)
        case = dataclasses.replace(layer.cases[0], direction=row.direction, mode=row.mode, device=row.device)
        with self._framework.place_on(row.device):
            block = build_block(
                self.network, layer, dense=row.variant == DENSE, training=row.direction == "train"
            )
        return prepare_block(self._framework, block, case)

    def describe_block(self, row: BlockRow) -> dict[str, Any]:
        """``row`` as the result file has it."""
        fields = {name: value for name, value in vars(row).items() if name != "shape"}
        return {**fields, "batch": self.network.batch}

    def explain_absence(self, row: NetworkRow) -> str:
        """Why ``row`` is not measured; empty where it is."""
        return explain_absence(row.variant, self._choose_changes(row))

    def measure_network(self, row: NetworkRow) -> Outcome:
        """The outcome of ``row``, measured in lock-step with all variants that there are.

        Raises what preparing it raised.
        """
        changes = self._choose_changes(row)
        there = [variant for variant in VARIANTS if not explain_absence(variant, changes)]
        prepares = {variant: partial(self._prepare_network, row, changes[variant] or ()) for variant in there}
        # What is recommended may differ between runs.
        name = f"{row.group} {self._digest} {changes[RECOMMENDED]}"
        if row.variant == AS_IT_IS:
            self.tell(f"measuring {row.group}: {', '.join(there)}")
        outcomes = self._measurements.measure_group(name, prepares, row.device)
        return _raise_or_return(outcomes[row.variant])

    def prepare(self, row: NetworkRow) -> Workload:
        """The workload of ``row``, where nothing is measured."""
        return self._prepare_network(row, self._choose_changes(row)[row.variant] or ())

    def describe(self, row: NetworkRow) -> dict[str, Any]:
        """``row`` as the result file has it."""
        changes = self._choose_changes(row)
        changed = changes[row.variant] or ()
        recommended = changes[RECOMMENDED]
        layers = self.layers if row.variant == AS_IT_IS else ()
        return {
            "name": row.network,
            "model": self.network.model,
            "variant": row.variant,
            "direction": row.direction,
            "mode": row.mode,
            "device": row.device,
            "batch": self.network.batch,
            "inputs": self._list_inputs(),
            "parameters": count_after(self.layers, changed, "parameters"),
            "multiplications": count_after(self.layers, changed, "multiplications"),
            "converted": list(changed),
            "recommended": None if recommended is None else list(recommended),
            "layers": [layer.as_dict() for layer in layers],
        }

    def describe_asked(self) -> dict[str, Any]:
        """What was asked for, for the command that measures it again."""
        return {
            "model": self.network.model,
            "batch": self.network.batch,
            "inputs": self._list_inputs(),
        }

    def list_targets(self, folder: Path) -> dict[NetworkTarget, dict[str, Any]]:
        """What is traced into ``folder``, with its row's ``extra_info``: as it is, and as recommended."""
        targets = {}
        for row, info in self.rows:
            said = info["network"]
            wanted = row.variant == AS_IT_IS or said["converted"] == said["recommended"]
            if wanted and row.direction != TRAINING_WITH_ADAM:
                target = NetworkTarget(
                    folder=str(folder / row.id),
                    variant=row.variant,
                    direction=row.direction,
                    mode=row.mode,
                    device=row.device,
                    changed=tuple(said["converted"]),
                )
                targets[target] = info
        return targets

    def save_converted(self, file: Path | None, tell: Callable[[str], None]) -> None:
        """Write the recommended network to ``file``, if there is one; ``tell`` is given what came of it."""
        if not file:
            return
        direction, changed = self.find_recommended()
        if not changed:
            tell(f"no change is recommended, so {file} is not written")
            return
        unfinished = file.with_name(f"unfinished-{file.name}")
        try:
            self.build(changed).save(unfinished)
            os.replace(unfinished, file)
        except Exception as error:  # of Keras, or of a layer that cannot be saved
            unfinished.unlink(missing_ok=True)
            tell(f"cannot write {file}: {summarize_error(error)}")
            return
        layers = f"{len(changed)} layer{'s' if len(changed) > 1 else ''}"
        tell(f"{file}: {self.network.name} with {layers} changed, as recommended for {direction}")

    def find_recommended(self) -> tuple[str, tuple[str, ...]]:
        """What is recommended: for training, where that was measured, else for inference; and for which."""
        for direction in (TRAINING, INFERENCE):
            for row, info in self.rows:
                if row.direction == direction and row.variant == AS_IT_IS:
                    return direction, tuple(info["network"]["recommended"] or ())
        return "", ()

    def build(self, changed: Sequence[str]) -> Any:
        """The Keras model with these layers changed; the others keep their weights."""
        return convert(self.network, changed, self.layers) if changed else self.network.keras_model

    def _list_inputs(self) -> list[str]:
        """The shape of each input without the batch, as ``--model-input`` takes it."""
        return ["x".join(map(str, shape)) for shape in self.network.input_shapes]

    def _choose_changes(self, row: NetworkRow) -> dict[str, tuple[str, ...] | None]:
        return choose_changes(self.layers, self._read_alone(), row.direction, row.mode, row.device)

    def _read_alone(self) -> LayersAlone:
        """What the rows say of layers and blocks by themselves."""
        pairs = [
            (case, info) for case, info in self._measured.values() if case.is_separable and info["paired"]
        ]
        refused = [ConvCase.from_dict(refusal["case"]).comparison for refusal in self._not_measured]
        controls = [info["control"]["ratio"] for _, info in self._measured.values() if info.get("control")]
        return LayersAlone(
            ratios={case.comparison: info["paired"]["ratios"] for case, info in pairs} | self._block_ratios,
            refused={*refused, *self._refused_blocks},
            control_ratios=controls,
        )

    def _find_layer(self, name: str) -> FoundLayer:
        return next(layer for layer in self.layers if layer.name == name)

    def _prepare_network(self, row: NetworkRow, changed: Sequence[str]) -> Workload:
        with self._framework.place_on(row.device):
            model = self.build(changed)
        return prepare_step(
            self._framework, model, draw_inputs(self.network), row.direction, row.mode, row.device
        )


def _raise_or_return(outcome: Outcome) -> Outcome:
    if outcome.error:
        raise outcome.error
    return outcome
