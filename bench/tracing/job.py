"""What a process that captures is told to do, and where it leaves what it captured."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from bench.contract.cases import ConvCase

ONEDNN_LOG, OPTIMIZED_HLO, CAPTURE = "onednn.log", "optimized_hlo.txt", "capture.json"
#: Annotates a step of the workload; reserved, since a function of the same name would be a step too.
STEP_NAME = "bench_step"
TRACE, PRIMITIVES = "trace", "primitives"
#: Tells the child where XLA dumps what it compiles.
XLA_DUMP = "BENCH_XLA_DUMP"


@dataclass(frozen=True)
class Job:
    """What a child captures: ``kind`` of which cases, each into ``folder``/case id."""

    kind: str
    folder: str
    cases: tuple[ConvCase, ...]

    def to_json(self) -> str:
        return json.dumps({**dataclasses.asdict(self), "cases": [case.as_dict() for case in self.cases]})

    @classmethod
    def from_json(cls, text: str) -> Job:
        fields = json.loads(text)
        return cls(fields["kind"], fields["folder"], tuple(map(ConvCase.from_dict, fields["cases"])))
