"""Whether result files can be read, and what each holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.results.files import ResultsError
from analysis.results.loading import load_results
from analysis.results.selection import write_environment


@dataclass(frozen=True)
class FileFacts:
    """What a result file holds; ``problem`` says why it cannot be read, and then nothing else is known."""

    file: str
    problem: str = ""
    environment: str = ""
    cases: int = 0
    not_measured: int = 0
    not_settled: int = 0
    disturbed: int = 0
    trainings: int = 0
    #: Of whole networks: each with each of its changes and directions. And of their blocks.
    networks: int = 0
    blocks: int = 0

    def as_dict(self) -> dict[str, Any]:
        if self.problem:
            return {"file": self.file, "problem": self.problem}
        facts = asdict(self)
        del facts["problem"]
        return facts

    @property
    def sentence(self) -> str:
        """One line: the file, its environment, and what there is of the rest."""
        counts = {name: count for name, count in self.as_dict().items() if isinstance(count, int) and count}
        listed = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
        return f"{self.file}: {self.environment}: {listed}"


def check_files(files: Iterable[Path]) -> list[FileFacts]:
    """What each of ``files`` holds, in their order."""
    return [_check_file(file) for file in files]


def _check_file(file: Path) -> FileFacts:
    try:
        read = load_results([file])
    except ResultsError as error:
        return FileFacts(str(file), problem=str(error))
    environments = dict.fromkeys(write_environment(run.environment) for run in read.runs)
    timed = (read.layers, read.networks, read.blocks)
    return FileFacts(
        file=str(file),
        environment="; ".join(environments),
        cases=len(read.layers),
        not_measured=len(read.not_measured) + len(read.refused_networks),
        not_settled=sum(int((~table["settled"].astype(bool)).sum()) for table in timed),
        disturbed=sum(int(table["contaminated"].astype(bool).sum()) for table in timed),
        trainings=len(read.trainings),
        networks=len(read.networks),
        blocks=len(read.blocks),
    )
