"""What was measured of a whole network, and what is known of its layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.statistics.estimates import Estimate
from analysis.statistics.verdicts import Verdict
from bench.contract.networks import RECOMMENDED, FoundLayer
from bench.contract.verdicts import FASTER

#: The kinds of work that layers and operations do.
CONVOLUTION, NORMALISATION, ACTIVATION, REST = "convolution", "normalisation", "activation", "rest"
#: What is no operation: the executor, dispatch, Python, waiting.
OUTSIDE = "outside operations"
KINDS = (CONVOLUTION, NORMALISATION, ACTIVATION, REST, OUTSIDE)
#: Keras's layers that apply a function to each number, besides those whose names say so.
_ACTIVATION_LAYERS = frozenset({"Activation", "ELU", "Softmax"})


@dataclass(frozen=True)
class MeasuredVariant:
    """A network with some layers changed, or as it is."""

    variant: str
    #: Of a step.
    seconds: Estimate
    #: Its time over that of the network as it is, which has 1 itself.
    ratio: Estimate
    #: Of ``ratio``. None for the network as it is, and where the two took no turns.
    verdict: Verdict | None
    #: ``ratio``, were a network the sum of its layers. None where a changed layer was not measured alone.
    predicted_ratio: float | None
    parameters: int
    multiplications: int
    #: The names of the layers that it changes.
    converted: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "variant": self.variant,
            "seconds": self.seconds.value,
            "interval": list_interval(self.seconds),
            "ratio": self.ratio.value,
            "ratio_interval": list_interval(self.ratio),
            "verdict": self.verdict.word if self.verdict else None,
            "predicted_ratio": self.predicted_ratio,
            "parameters": self.parameters,
            "multiplications": self.multiplications,
            "converted": list(self.converted),
        }


@dataclass(frozen=True)
class MeasuredLayer:
    """A layer of a network, with what it takes there, what it takes alone, and what its change would do."""

    found: FoundLayer
    #: The ids of its comparisons in the network's direction, with commas; ``block of`` and its name for a
    #: depthwise layer with its pointwise layer; empty where it can become nothing else.
    comparison: str
    #: Of a traced step, over all its calls; of a depthwise layer without what its change takes out too. None
    #: without a trace that names layers.
    in_network_seconds: float | None
    #: What stands in the network, measured alone, and what it would become: sums over all calls, of a block
    #: with all of it. None where not both were measured.
    alone_seconds: float | None
    other_seconds: float | None
    #: ``other_seconds`` over ``alone_seconds``.
    ratio: Estimate | None
    #: The verdict on the change: *faster* where it makes the layer faster; empty where it was not measured.
    verdict: str
    #: Whether the change is recommended.
    convert: bool
    #: Why it is, or is not; empty for layers that are no convolution over 1x1.
    reason: str
    #: In a traced step of the network with the recommended changes: what took its place, with all that the
    #: change takes out. None for layers that are not changed, and without that trace.
    recommended_seconds: float | None

    def as_dict(self) -> dict[str, Any]:
        ratio = self.ratio
        return {
            "name": self.found.name,
            "kind": self.found.kind,
            "calls": self.found.calls,
            "becomes": self.found.becomes,
            "absorbs": list(self.found.absorbs),
            "comparison": self.comparison,
            "in_network_seconds": self.in_network_seconds,
            "alone_seconds": self.alone_seconds,
            "other_seconds": self.other_seconds,
            "ratio": ratio.value if ratio else None,
            "ratio_interval": list_interval(ratio) if ratio else None,
            "verdict": self.verdict,
            "convert": self.convert,
            "reason": self.reason,
            "recommended_seconds": self.recommended_seconds,
        }


@dataclass(frozen=True)
class MeasuredNetwork:
    """A network in one direction, with its variants and layers."""

    name: str
    #: As the user named it on the command line.
    model: str
    direction: str
    mode: str
    device: str
    batch: int
    #: The shape of each input, without the batch.
    inputs: tuple[str, ...]
    #: In the order of ``bench.contract.networks.VARIANTS``; the first is the network as it is.
    variants: tuple[MeasuredVariant, ...]
    #: In the order in which the network first calls them.
    layers: tuple[MeasuredLayer, ...]
    #: The layers whose change is recommended; None where not all were measured alone.
    recommended: tuple[str, ...] | None
    #: The share of the traced step that has a name; None without a trace.
    accounted: float | None
    #: Seconds of a traced step, by kind (see :data:`KINDS`). With the time that has no name they add up to
    #: the step. Empty where operations cannot be told apart.
    by_kind: Mapping[str, float]
    #: Of a traced step, what may be convolutions and belongs to no layer; 0 without a trace.
    unnamed_seconds: float
    #: The mean traced step, which the profiler lengthens; None without a trace.
    traced_seconds: float | None
    #: How many runs measured it.
    replicates: int
    #: A sentence for each reason to doubt it.
    problems: tuple[str, ...]

    @property
    def as_it_is(self) -> MeasuredVariant:
        return self.variants[0]

    @property
    def changed(self) -> tuple[MeasuredLayer, ...]:
        """The layers whose change is recommended."""
        return tuple(layer for layer in self.layers if layer.convert)

    @property
    def is_proven(self) -> bool:
        """Whether changes are recommended, and the network with them was measured to be faster."""
        recommended = self.find_variant(RECOMMENDED)
        verdict = recommended.verdict if recommended else None
        return bool(self.changed and verdict and verdict.word == FASTER)

    def find_variant(self, variant: str) -> MeasuredVariant | None:
        """``None`` where it was not measured."""
        return next((one for one in self.variants if one.variant == variant), None)

    def compute_remainder(self, variant: MeasuredVariant) -> float | None:
        """Seconds of a step by which ``variant`` differs from what its layers alone predict."""
        if variant.predicted_ratio is None:
            return None
        return (variant.ratio.value - variant.predicted_ratio) * self.as_it_is.seconds.value

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it; every number is finite, and what is unknown is null."""
        recommended = self.find_variant(RECOMMENDED)
        return {
            "name": self.name,
            "model": self.model,
            "direction": self.direction,
            "mode": self.mode,
            "device": self.device,
            "batch": self.batch,
            "inputs": list(self.inputs),
            "replicates": self.replicates,
            "variants": [variant.as_dict() for variant in self.variants],
            "layers": [layer.as_dict() for layer in self.layers],
            "recommended": None if self.recommended is None else list(self.recommended),
            "is_proven": self.is_proven,
            "remainder_seconds": self.compute_remainder(recommended) if recommended else None,
            "accounted": self.accounted,
            "by_kind": dict(self.by_kind),
            "traced_seconds": self.traced_seconds,
            "problems": list(self.problems),
        }


def classify_layer(keras_class: str) -> str:
    """The kind of a layer of ``keras_class``; whatever is not known is the rest."""
    if "Conv" in keras_class:
        return CONVOLUTION
    if "Normalization" in keras_class:
        return NORMALISATION
    return ACTIVATION if keras_class in _ACTIVATION_LAYERS or keras_class.endswith("ReLU") else REST


def list_interval(estimate: Estimate) -> list[float] | None:
    """Its low and high end; ``None`` where nothing is known of them."""
    if not is_interval_known(estimate):
        return None
    return [float(estimate.low), float(estimate.high)]


def is_interval_known(estimate: Estimate) -> bool:
    return bool(estimate.confidence) and estimate.low > 0 and math.isfinite(estimate.high)
