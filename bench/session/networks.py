"""A run's network: its layers alone decide what is recommended, and then it is measured whole."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
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
from bench.frameworks.interface import Framework, Unsupported, summarize_error
from bench.networks.blocks import build_block
from bench.networks.converting import build_variant, convert
from bench.networks.inputs import draw_inputs
from bench.networks.loading import Network
from bench.networks.rows import NetworkRow
from bench.networks.steps import prepare_block, prepare_step
from bench.networks.variants import LayersAlone, choose_changes, count_after, explain_absence, name_block
from bench.timing.measuring import Measurements
from bench.timing.outcome import Outcome
from bench.tracing.job import NetworkTarget
from bench.workloads.preparing import Workload

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
        #: What could not be measured of it, as the result file lists it.
        self.refused: list[dict[str, Any]] = []
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

    def measure_block(self, row: NetworkRow) -> Outcome:
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

    def prepare_block(self, row: NetworkRow) -> Workload:
        """The workload of ``row``."""
        layer = self._find_layer(row.layer)
        case = dataclasses.replace(layer.cases[0], direction=row.direction, mode=row.mode, device=row.device)
        with self._framework.place_on(row.device):
            block = build_block(
                self.network, layer, dense=row.variant == DENSE, training=row.direction == "train"
            )
        return prepare_block(self._framework, block, case)

    def describe_block(self, row: NetworkRow) -> dict[str, Any]:
        """``row`` as the result file has it."""
        fields = {name: value for name, value in vars(row).items() if name != "shape"}
        return {
            **fields,
            "model": self.network.model,
            "batch": self.network.batch,
            "inputs": self._list_inputs(),
        }

    def refuse(self, row: NetworkRow, reason: str, kind: str) -> None:
        """Note that ``row`` was not measured; ``kind`` is one of :data:`bench.contract.cases.REFUSALS`."""
        self.refused.append(
            {
                "network": row.network,
                "model": self.network.model,
                "direction": row.direction,
                "mode": row.mode,
                "device": row.device,
                "variant": row.variant,
                "layer": row.layer,
                "reason": reason,
                "kind": kind,
            }
        )

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

    def save_converted(self, file: Path, tell: Callable[[str], None]) -> None:
        """Write the recommended network to ``file``; ``tell`` is given what came of it.

        What is recommended for training counts where that was measured, else what is for inference.
        """
        row, info = self._find_recommended()
        if not info:
            tell(f"the network was not measured with recommended changes, so {file} is not written")
            return
        changed, faster = info["network"]["converted"], 1 / info["paired"]["ratio"]
        if faster <= 1:
            tell(f"with the recommended changes the network is not faster, so {file} is not written")
            return
        unfinished = file.with_name(f"unfinished-{file.name}")
        try:
            convert(self.network, changed, self.layers).save(unfinished)
            os.replace(unfinished, file)
        except Exception as error:  # of Keras, or of a layer that cannot be saved
            unfinished.unlink(missing_ok=True)
            tell(f"cannot write {file}: {summarize_error(error)}")
            return
        layers = f"{len(changed)} layer{'s' if len(changed) > 1 else ''}"
        tell(f"{file}: {row.group} with {layers} changed, measured {faster:.2f}x faster")

    def _find_recommended(self) -> tuple[NetworkRow | None, Mapping[str, Any]]:
        """The row of the recommended network, and its ``extra_info``; nothing where there is none."""
        for direction in (TRAINING, INFERENCE):
            for row, info in self.rows:
                said = info["network"]
                is_recommended = said["converted"] and said["converted"] == said["recommended"]
                if row.direction == direction and is_recommended and info["paired"]:
                    return row, info
        return None, {}

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
            model = build_variant(self.network, changed, self.layers)
        if model is self.network.keras_model and row.device != self._default_device:
            raise Unsupported(f"this model cannot be copied, and so not from {self._default_device} to here")
        return prepare_step(
            self._framework, model, draw_inputs(self.network), row.direction, row.mode, row.device
        )

    @property
    def _default_device(self) -> str:
        """Where a framework puts what is placed nowhere."""
        devices = self._framework.list_devices()
        return "GPU:0" if "GPU:0" in devices else devices[0]


def _raise_or_return(outcome: Outcome) -> Outcome:
    if outcome.error:
        raise outcome.error
    return outcome
