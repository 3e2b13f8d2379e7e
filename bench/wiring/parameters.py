"""What tests are parametrised with, and what their rows say of what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

#: The parameter of each kind of test, and the field of a ``Selection`` whose ids are its values.
ID_PARAMETERS = {
    "case_id": "cases",
    "limit": "ceilings",
    "remedy_id": "remedies",
    "contrast_id": "contrasts",
    "training_id": "trainings",
    "block_id": "blocks",
    "network_id": "networks",
}
#: What every row says of what it measured, as its parameters in pytest-benchmark's words: rows can be grouped
#: by them, ``--benchmark-group-by=param:direction``. pytest-benchmark needs each of them in all rows.
ROW_PARAMETERS = ("layer", "direction", "mode", "device", "dtype", "shape")
#: The value of a parameter that what was measured does not have: of a matrix product's direction, say.
NO_VALUE = "-"

#: What else rows can be grouped by.
_GROUPINGS = ("group", "name", "func", "fullname", "fullfunc", "param")


def describe_row(measured: object, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the row of a test with ``parameters``; ``measured`` is the case or the ceiling.

    A test that is none of this suite keeps its own beside them.
    """
    described = {name: getattr(measured, name, None) or NO_VALUE for name in ROW_PARAMETERS}
    foreign = {name: value for name, value in parameters.items() if name not in ID_PARAMETERS}
    return {**described, **foreign}


def check_grouping(grouping: str, tests: Iterable[pytest.Item]) -> None:
    """Raise ``ValueError`` where pytest-benchmark cannot group the rows of ``tests`` so."""
    rows = [describe_row(None, _read_parameters(test)) for test in tests]
    for word in grouping.split(","):
        name = word.removeprefix("param:")
        is_known = word in _GROUPINGS if name == word else all(name in row for row in rows)
        if not is_known:
            known = ", ".join([*_GROUPINGS, *(f"param:{name}" for name in ROW_PARAMETERS)])
            raise ValueError(f"--benchmark-group-by has no {word!r}; there are: {known}")


def find_repeated(tests: Iterable[pytest.Item]) -> pytest.Item | None:
    """The first test that measures what one before it measures."""
    seen = set()
    for test in tests:
        measured = _identify_measured(test)
        if measured in seen:
            return test
        seen.add(measured)
    return None


def _identify_measured(test: pytest.Item) -> tuple[object, ...]:
    """A test's function and its parameter of ours: equal where the same is measured."""
    parameters = _read_parameters(test)
    ours = [name for name in ID_PARAMETERS if name in parameters]
    if not ours:
        return (test.nodeid,)
    return (test.nodeid.partition("[")[0], *(parameters[name] for name in ours))


def _read_parameters(test: pytest.Item) -> Mapping[str, Any]:
    return test.callspec.params if hasattr(test, "callspec") else {}
