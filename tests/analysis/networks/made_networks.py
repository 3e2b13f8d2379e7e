"""Result files and a trace of a small network with known numbers.

In the order of its calls: ``conv`` could be separable; ``sep`` could be dense; ``dw``, ``relu`` and ``pw``
are a block that could be one dense layer; ``grouped`` has to stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.contract.cases import SCHEMA, ConvCase
from bench.contract.networks import DIRECTION_OF_LAYERS, FoundLayer, NetworkCapture
from tests.analysis import made_results, made_traces

CONV = ConvCase(direction="train", in_channels=8)
SEP = ConvCase("separable_conv2d", direction="train", in_channels=16)
LAYERS = (
    FoundLayer(
        "conv", "Conv2D", parameters=100, multiplications=1000, becomes="separable", cases=(CONV,),
        parameters_after=40, multiplications_after=400,
    ),
    FoundLayer(
        "sep", "SeparableConv2D", parameters=40, multiplications=400, inputs=("conv",), becomes="dense",
        cases=(SEP,), parameters_after=100, multiplications_after=1000,
    ),
    FoundLayer(
        "dw", "DepthwiseConv2D", parameters=10, multiplications=100, inputs=("sep",), becomes="dense",
        absorbs=("relu", "pw"), block="dw", parameters_after=90, multiplications_after=900,
    ),
    FoundLayer("relu", "ReLU", inputs=("dw",)),
    FoundLayer("pw", "Conv2D", parameters=20, multiplications=200, inputs=("relu",)),
    FoundLayer("grouped", "Conv2D", parameters=5, inputs=("pw",), reason="groups=4: the other has no groups"),
)  # fmt: skip
#: A step of the network as it is.
SECONDS = 0.010
CHANGES = {
    "as it is": (),
    "dense": ("sep", "dw"),
    "separable": ("conv",),
    "recommended": ("conv", "dw"),
}
#: The time of each variant over that of the network as it is.
RATIOS = {"as it is": 1.0, "dense": 0.97, "separable": 0.9, "recommended": 0.84}


def network_row(variant: str, ratio: float, direction: str = "inference", **more: Any) -> dict:
    """One saved row; its 21 turns vary by 1 %, but for the network as it is.

    ``more`` replaces fields of the network.
    """
    network = {
        "name": "tiny", "model": "tiny.keras", "variant": variant, "direction": direction, "mode": "graph",
        "device": "CPU:0", "batch": 8, "inputs": ["32x32x8"], "parameters": 175, "multiplications": 1700,
        "converted": list(CHANGES[variant]), "recommended": list(CHANGES["recommended"]),
        "layers": [layer.as_dict() for layer in LAYERS] if variant == "as it is" else [], **more,
    }  # fmt: skip
    return _make_row("network", network, SECONDS, ratio)


def network_rows(ratios: Mapping[str, float] = RATIOS, **more: Any) -> list[dict]:
    """A row a variant in ``ratios``."""
    return [network_row(variant, ratio, **more) for variant, ratio in ratios.items()]


def block_rows(direction: str = "inference", seconds: float = 0.002, ratio: float = 0.75) -> list[dict]:
    """The block of ``dw`` alone: as it is, and the dense layer in its place."""
    rows = []
    for variant, own in (("as it is", 1.0), ("dense", ratio)):
        block = {
            "network": "tiny", "model": "tiny.keras", "inputs": ["32x32x8"], "layer": "dw",
            "variant": variant, "mode": "graph", "device": "CPU:0",
            "direction": DIRECTION_OF_LAYERS[direction], "batch": 8,
        }  # fmt: skip
        rows.append(_make_row("block", block, seconds, own))
    return rows


def refusal(variant: str, reason: str, **more: Any) -> dict:
    """An entry of ``refused_networks``: of a variant of the network in inference, or of its block."""
    return {
        "network": "tiny", "model": "tiny.keras", "direction": "inference", "mode": "graph",
        "device": "CPU:0", "variant": variant, "layer": None, "reason": reason, "kind": "unsupported", **more,
    }  # fmt: skip


def layer_rows(direction: str = "inference") -> list[dict]:
    """``conv`` takes 2 ms, and half of that separable; ``sep`` takes 0.8 ms, and 1 ms dense."""
    told = {"direction": DIRECTION_OF_LAYERS[direction]}
    cases = [ConvCase(**{**vars(case), **told}) for case in (CONV, SEP)]
    return [
        *made_results.comparison_rows(cases[0], 0.002, 0.5),
        *made_results.comparison_rows(cases[1], 0.001, 0.8),
    ]


def all_rows(direction: str = "inference") -> list[dict]:
    """What a run measures of the network in one direction."""
    return [*layer_rows(direction), *block_rows(direction), *network_rows(direction=direction)]


#: A step of 10 ms as it is: the normalisation behind a convolution may give it its name.
OPERATIONS = (
    ("tiny/conv/Conv2D:_FusedConv2D", 1, 3),
    ("gradient_tape/tiny/conv/Conv2DBackpropFilter:Conv2DBackpropFilter", 3, 3.5),
    ("tiny/sep/depthwise:DepthwiseConv2dNative", 3.5, 4),
    ("tiny/relu/Relu:_FusedDepthwiseConv2dNative", 4, 5),
    ("tiny/pw/Conv2D:Conv2D", 5, 6),
    ("tiny/relu/Relu:Relu", 6, 6.5),
    ("tiny/loss/Mean:Mean", 6.5, 7),
)


def save_trace(
    folder: Path,
    variant: str = "as it is",
    operations: Iterable[made_traces.Event] = OPERATIONS,
    scopes: Mapping[str, str] | None = None,
    direction: str = "inference",
) -> Path:
    """A network's folder as ``bench`` leaves it; the step is that of ``made_traces.graph_step``."""
    made_traces.save(folder, made_traces.graph_step(0, operations))
    (folder / "capture.json").unlink()
    capture = NetworkCapture(
        network="tiny",
        variant=variant,
        direction=direction,
        scopes={f"tiny/{layer.name}": layer.name for layer in LAYERS} if scopes is None else scopes,
        untraced_step_seconds=(0.0099,),
        traced_step_seconds=(0.010,),
        caller_cpu_seconds=(0.001,),
    )
    (folder / "network.json").write_text(json.dumps(capture.as_dict()))
    return folder


def _make_row(kind: str, what: Mapping[str, Any], base: float, ratio: float) -> dict:
    """The row of what takes ``ratio`` times ``base`` seconds."""
    ratios = [ratio * (1 + 0.0005 * turn * (ratio != 1)) for turn in range(-10, 11)]
    name = " ".join(str(what[word]) for word in ("direction", "variant", "mode"))
    turns = {"together": None, "seconds": [base * one for one in ratios]}
    paired = {"rounds": 21, "ratio": ratio, "spread": [ratios[5], ratios[15]], "ratios": ratios}
    return {
        **made_results.layer_row(ConvCase(), base * ratio),
        "name": f"test[{kind} {name}]",
        "extra_info": {
            "schema": SCHEMA, kind: dict(what), "paired": paired, "turns": turns, "settled": True,
            "noise": None, "first_call_seconds": 0.5, "trace": None,
        },
    }  # fmt: skip
