"""What a process that captures is told to do."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from bench.contract.cases import ConvCase
from bench.contract.networks import FoundLayer

#: What can be captured: a profiler's trace, or oneDNN's log of its primitives.
TRACE, PRIMITIVES = "trace", "primitives"
#: The environment variable that tells the child where XLA dumps what it compiles.
XLA_DUMP = "BENCH_XLA_DUMP"


@dataclass(frozen=True)
class Job:
    """What a child captures of each of ``cases``, into ``folder``/case id.

    ``kind`` is :data:`TRACE` or :data:`PRIMITIVES`.
    """

    kind: str
    folder: str
    cases: tuple[ConvCase, ...]
    #: So many steps, the first that there are; ``None`` for as many as time allows, once they have settled.
    steps: int | None = None

    def to_json(self) -> str:
        cases = [case.as_dict() for case in self.cases]
        return json.dumps({"kind": self.kind, "folder": self.folder, "cases": cases, "steps": self.steps})

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The inverse of :meth:`to_json`."""
        fields = json.loads(text)
        cases = tuple(ConvCase.from_dict(case) for case in fields["cases"])
        return cls(fields["kind"], fields["folder"], cases, fields["steps"])


@dataclass(frozen=True)
class NetworkTarget:
    """A variant of a network in one direction, and the folder for its trace; ``changed`` are its layers."""

    folder: str
    variant: str
    direction: str
    mode: str
    device: str
    changed: tuple[str, ...]


@dataclass(frozen=True)
class NetworkJob:
    """What a child traces of the network that ``model`` names; the fields are those of the command line."""

    model: str
    batch: int
    input_shapes: tuple[tuple[int, ...], ...]
    unsafe: bool
    layers: tuple[FoundLayer, ...]
    targets: tuple[NetworkTarget, ...]
    #: What this captures, in words.
    kind: str = "traces of the network"

    def to_json(self) -> str:
        layers = [layer.as_dict() for layer in self.layers]
        return json.dumps({**dataclasses.asdict(self), "layers": layers})

    @classmethod
    def from_json(cls, text: str) -> NetworkJob:
        """The inverse of :meth:`to_json`."""
        fields = json.loads(text)
        targets = tuple(
            NetworkTarget(**{**target, "changed": tuple(target["changed"])}) for target in fields["targets"]
        )
        shapes = tuple(tuple(shape) for shape in fields["input_shapes"])
        layers = tuple(FoundLayer.from_dict(layer) for layer in fields["layers"])
        return cls(**{**fields, "input_shapes": shapes, "layers": layers, "targets": targets})
