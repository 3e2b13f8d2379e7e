"""Networks as ``analysis.networks`` hands them on, with known numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analysis.networks.network import (
    ACTIVATION,
    CONVOLUTION,
    NORMALISATION,
    OUTSIDE,
    REST,
    MeasuredLayer,
    MeasuredNetwork,
    MeasuredVariant,
)
from analysis.statistics.estimates import Estimate
from analysis.statistics.verdicts import Verdict
from bench.contract.networks import AS_IT_IS, DENSE, RECOMMENDED, SEPARABLE, FoundLayer


def estimate(value: float, reach: float = 0.02) -> Estimate:
    return Estimate(value, value * (1 - reach), value * (1 + reach))


def layer(name: str, kind: str, seconds: float | None, **fields: Any) -> MeasuredLayer:
    """A layer that cannot be changed, in a trace for ``seconds``; ``found`` are fields of its FoundLayer."""
    found = FoundLayer(
        **{
            "name": name,
            "kind": kind,
            "input_shape": "32x32x64",
            "parameters": 1000,
            "multiplications": 2_000_000,
            **fields.pop("found", {}),
        }
    )
    unknown = dict.fromkeys(("alone_seconds", "other_seconds", "ratio", "recommended_seconds"))
    known = {"comparison": "", "verdict": "", "convert": False, "reason": found.reason}
    return MeasuredLayer(found=found, in_network_seconds=seconds, **{**unknown, **known, **fields})


def convolution(name: str, seconds: float | None, *, convert: bool, kind: str = "Conv2D") -> MeasuredLayer:
    """One that can become the other: half as long where it is changed, twice as long where it is not."""
    ratio = 0.5 if convert else 2.0
    becomes = SEPARABLE if kind == "Conv2D" else DENSE
    after = {"becomes": becomes, "parameters_after": 200, "multiplications_after": 400_000}
    return layer(
        name,
        kind,
        seconds,
        found=after,
        comparison="train-8x32x32x64-f64-k3",
        alone_seconds=0.004,
        other_seconds=0.004 * ratio,
        ratio=estimate(ratio),
        verdict="faster" if convert else "slower",
        convert=convert,
        reason=f"alone, the change makes it 2.0x {'faster' if convert else 'slower'} (1.96-2.04)",
        recommended_seconds=seconds * ratio if convert and seconds else None,
    )


def variant(name: str, ratio: float, converted: tuple[str, ...] = ()) -> MeasuredVariant:
    changed = bool(converted)
    return MeasuredVariant(
        variant=name,
        seconds=estimate(0.1 * ratio),
        ratio=estimate(ratio) if changed else Estimate(1.0, 1.0, 1.0),
        verdict=Verdict("faster" if ratio < 1 else "slower", "beyond_noise") if changed else None,
        predicted_ratio=ratio * 1.05 if changed else 1.0,
        parameters=12_000 if changed else 20_000,
        multiplications=12_000_000 if changed else 20_000_000,
        converted=converted,
    )


def network(layers: tuple[MeasuredLayer, ...], **fields: Any) -> MeasuredNetwork:
    """One that is 1.35x faster with what ``layers`` recommend; ``fields`` are others of it."""
    recommended = tuple(one.found.name for one in layers if one.convert)
    candidates = tuple(one.found.name for one in layers if one.found.becomes == SEPARABLE)
    variants = [variant(AS_IT_IS, 1.0)]
    if candidates:
        variants.append(variant(SEPARABLE, 1.21, candidates))
    if recommended:
        variants.append(variant(RECOMMENDED, 1 / 1.35, recommended))
    made = MeasuredNetwork(
        name="classifier",
        model="models/classifier.keras",
        direction="training",
        mode="graph",
        device="CPU:0",
        batch=8,
        inputs=("32x32x3",),
        variants=tuple(variants),
        layers=layers,
        recommended=recommended,
        accounted=0.93,
        by_kind={CONVOLUTION: 0.078, NORMALISATION: 0.009, ACTIVATION: 0.002, REST: 0.001, OUTSIDE: 0.003},
        unnamed_seconds=0.0,
        traced_seconds=0.1,
        replicates=3,
        problems=(),
    )
    return replace(made, **fields)


def small_network(**fields: Any) -> MeasuredNetwork:
    """Five layers: one that changes, one that does not, one that cannot, and two between them."""
    reason = "its channels are in 2 groups, which SeparableConv2D cannot have"
    return network(
        (
            convolution("conv1", 0.040, convert=True),
            layer("norm1", "BatchNormalization", 0.006),
            layer("relu1", "ReLU", 0.002),
            convolution("stage/conv2", 0.020, convert=False),
            layer("grouped", "Conv2D", 0.010, found={"reason": reason}),
        ),
        **fields,
    )


def block(name: str, seconds: float, *, convert: bool) -> tuple[MeasuredLayer, ...]:
    """A depthwise layer with its pointwise layer, the normalisation and the activation between them."""
    absorbs = (f"{name}/norm", f"{name}/relu", f"{name}/pointwise")
    depthwise = convolution(f"{name}/depthwise", seconds, convert=convert, kind="DepthwiseConv2D")
    found = replace(depthwise.found, absorbs=absorbs, block=f"{name}/depthwise")
    goes_with = f"it goes with {name}/depthwise"
    return (
        replace(depthwise, found=found, comparison=f"block of {name}/depthwise"),
        layer(absorbs[0], "BatchNormalization", seconds / 5, reason=goes_with),
        layer(absorbs[1], "ReLU", seconds / 10, reason=goes_with),
        layer(absorbs[2], "Conv2D", seconds / 2, reason=goes_with),
    )


def deep_network(stages: int, **fields: Any) -> MeasuredNetwork:
    """As many stages as you like: a 1x1 convolution, one over 3x3, their normalisations and activations.

    Every third 3x3 convolution changes; each is a little longer than the one before.
    """
    layers: list[MeasuredLayer] = []
    for number in range(stages):
        name = f"conv{number // 3 + 2}_block{number % 3 + 1}"
        layers += [
            layer(f"{name}_1_conv", "Conv2D", 0.001),
            layer(f"{name}_1_bn", "BatchNormalization", 0.0004),
            convolution(f"{name}_2_conv", 0.002 + 0.00002 * number, convert=number % 3 == 1),
            layer(f"{name}_2_bn", "BatchNormalization", 0.0004),
            layer(f"{name}_out", "ReLU", 0.0002),
        ]
    return network(tuple(layers), **fields)
