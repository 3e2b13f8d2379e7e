"""What tests are parametrised with, and what a test with such parameters measures."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bench.contract.cases import ConvCase

#: Parameters of a layer's test, by which rows can be grouped: ``--benchmark-group-by=param:direction``.
LAYER_PARAMETERS = ("layer", "direction", "mode", "device", "dtype", "shape")
#: The parameter of every other kind of test, and the field of a ``Selection`` whose ids are its values.
ID_PARAMETERS = {
    "limit": "ceilings",
    "remedy_id": "remedies",
    "contrast_id": "contrasts",
    "training_id": "trainings",
}


def list_layer_parameters(case: ConvCase) -> tuple[str, ...]:
    """The values of :data:`LAYER_PARAMETERS` of a case's test; no other case of a run has the same."""
    return tuple(getattr(case, name) for name in LAYER_PARAMETERS)


def read_layer_parameters(test: pytest.Item) -> tuple[str, ...]:
    """The values of :data:`LAYER_PARAMETERS` of a layer's test."""
    return tuple(test.callspec.params[name] for name in LAYER_PARAMETERS)


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
    """A test's function and those of its parameters that are ours: equal where the same is measured."""
    parameters = test.callspec.params if hasattr(test, "callspec") else {}
    ours = [name for name in (*LAYER_PARAMETERS, *ID_PARAMETERS) if name in parameters]
    if not ours:
        return (test.nodeid,)
    return (test.nodeid.partition("[")[0], *(parameters[name] for name in ours))
