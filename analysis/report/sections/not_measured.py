"""Not measured: the cases that could not be, by whose fault it is."""

from __future__ import annotations

from typing import Any

from analysis.figures.rendering import Renderer
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.results.tables import Results
from bench.contract.cases import DIED, DISAGREES, UNSUPPORTED

#: What cases that were not measured have in common, by the kind of reason.
_KINDS = {
    UNSUPPORTED: "Combinations that the framework refuses, with its reason.",
    DISAGREES: "Here the framework computes something else than the layer means, so that no time was taken.",
    DIED: "Measuring these ended the process.",
}


def build_section(study: Study, renderer: Renderer) -> Section:
    kinds = _list_kinds(study.results)
    return Section(
        key="not-measured",
        title="Not measured",
        template="not_measured.html.j2",
        content={"kinds": kinds},
        is_there=bool(kinds),
    )


def _list_kinds(results: Results) -> list[tuple[str, list[dict[str, Any]]]]:
    """Each kind of reason in words, and its cases."""
    cases = results.not_measured.drop_duplicates("id")
    kinds = []
    for kind, words in _KINDS.items():
        of_kind = cases[cases["kind"] == kind]
        if len(of_kind):
            kinds.append((words, of_kind.to_dict("records")))
    return kinds
