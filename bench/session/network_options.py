"""``--model`` and what goes with it, in their real types, or one sentence about what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.networks.inputs import parse_input_shapes
from bench.networks.rows import LAYER_DIRECTIONS
from bench.session.values import parse_count

DEFAULT_BATCH = 8
#: What says more of a model, and nothing without one.
_OF_A_MODEL = ("model-batch", "model-input", "model-unsafe", "save-converted")
#: What a model says itself, or what does not go together with lock-step.
_NOT_WITH_A_MODEL = ("dtypes", "in-turn")


@dataclass(frozen=True)
class NetworkOptions:
    """The network that the user asks for."""

    #: As the user wrote it.
    model: str
    batch: int
    #: Without the batch, one an input; empty where the model knows them.
    input_shapes: tuple[tuple[int, ...], ...]
    #: Whether loading it may run code that it brings.
    unsafe: bool
    #: Where the recommended network is written.
    save_converted: Path | None
    #: Of its layers: forward and train, or one of the two.
    directions: tuple[str, ...]


def parse_network(values: Mapping[str, Any], directions: tuple[str, ...]) -> NetworkOptions | None:
    """The network that ``values``, pytest's options by name, ask for; ``directions`` are what was asked for.

    ``None`` where they ask for none. Raises ``ValueError`` with one sentence.
    """
    if not values["model"]:
        for name in _OF_A_MODEL:
            if values[name.replace("-", "_")]:
                raise ValueError(f"--{name} says more of a model: give --model too")
        return None
    for name in _NOT_WITH_A_MODEL:
        if values[name.replace("-", "_")]:
            raise ValueError(f"--model and --{name} exclude each other: give one of them")
    for direction in directions:
        if direction not in LAYER_DIRECTIONS:
            raise ValueError(
                f"a network is measured {' and '.join(LAYER_DIRECTIONS)}: "
                f"leave {direction} out of --directions"
            )
    return NetworkOptions(
        model=values["model"],
        batch=parse_count("--model-batch", values["model_batch"], DEFAULT_BATCH),
        input_shapes=parse_input_shapes(values["model_input"]),
        unsafe=values["model_unsafe"],
        save_converted=_parse_target(values["save_converted"]),
        directions=directions or LAYER_DIRECTIONS,
    )


def _parse_target(text: str | None) -> Path | None:
    """The file to write a model to. What cannot be written is told before anything is measured."""
    if text is None:
        return None
    file = Path(text)
    if file.suffix != ".keras":
        raise ValueError(f"--save-converted must end in .keras, not {text!r}")
    if not file.parent.is_dir():
        raise ValueError(f"--save-converted: there is no folder {file.parent}")
    if file.is_dir():
        raise ValueError(f"--save-converted: {file} is a folder")
    return file
