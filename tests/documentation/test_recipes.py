"""The recipes of CONTRIBUTING.md: whoever forgets a step is told by one of these.

A section that is added by its recipe is shown in ``tests/analysis/report/test_sections.py``.
"""

import dataclasses
import json
import re

import pytest

from analysis.reasons.detectors import find
from analysis.reasons.findings import TITLES
from analysis.traces.naming import classify_type
from analysis.wording import FRAMEWORK_NAMES, LAYER_NAMES
from bench.contract import remedies
from bench.contract.cases import DENSE_OF, LAYERS, SPLIT, ConvCase
from bench.contract.cost import list_kernels
from bench.frameworks.loading import AVAILABLE
from bench.plan.remedies import suggest_remedies
from bench.workloads.reference import compute_expected, draw_tensors
from tests.analysis.reasons import test_findings
from tests.documentation.pages import CONTRIBUTING, PROJECT, find_codes

RECIPES = ("Add a layer", "Add a backend", "Add a detector", "Add a section to the report")


def small_case(layer):
    sizes = {"height": 1, "kernel_size": (1, 3)} if layer.endswith("1d") else {}
    if layer == "pointwise_conv2d":
        sizes = {"kernel_size": (1, 1)}
    return ConvCase(
        layer=layer, **{"batch": 1, "height": 5, "width": 5, "in_channels": 4, "filters": 4, **sizes}
    )


def shapes_of_weights(case):
    """As Keras has them; what a layer split in two has stands in ``reference``."""
    kernel = case.kernel_size[1:] if case.is_1d else case.kernel_size
    bias = (case.filters,)
    depthwise, pointwise = (
        (*kernel, case.in_channels, 1),
        (*(1 for _ in kernel), case.in_channels, case.filters),
    )
    if case.is_separable or case.layer == SPLIT:
        return [depthwise, pointwise, bias]
    if case.layer == "depthwise_conv2d":
        return [depthwise, bias]
    if case.layer == "grouped_conv2d":
        return [(*kernel, 1, case.filters), bias]
    return [(*kernel, case.in_channels, case.filters), bias]


@pytest.mark.parametrize("recipe", RECIPES)
def test_there_is_a_recipe_with_numbered_steps(recipe):
    text = CONTRIBUTING.read_text("utf-8").partition(f"## {recipe}\n")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\d\. ", text, re.MULTILINE)) >= 5
    assert "tests/" in text


def test_what_the_recipes_name_is_in_the_files_that_they_name():
    named = [code for code in find_codes(CONTRIBUTING) if re.fullmatch(r"[\w/.-]+/[\w.-]+\.\w+", code)]
    assert len(named) > 20
    text = "".join((PROJECT / file).read_text("utf-8") for file in named)
    for symbol in (
        "_check_geometry",
        "create_keras_layer",
        "_FLAG_PREFIXES",
        "suggest_remedies",
        "_BUILDERS",
    ):
        assert symbol in find_codes(CONTRIBUTING)
        assert symbol in text


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_has_a_meaning_a_cost_and_a_name_for_its_operation(layer):
    case = small_case(layer)
    (output,) = compute_expected(case, draw_tensors(case, shapes_of_weights(case)))
    assert output.size == case.batch * case.output_size[0] * case.output_size[1] * case.filters
    kernels = list_kernels(dataclasses.replace(case, direction="train"))
    assert kernels
    assert all(kernel.flops > 0 and kernel.bytes > 0 for kernel in kernels)
    operation, role = classify_type("Conv2D", case)
    assert operation
    assert role == "forward"


@pytest.mark.parametrize("layer", [*DENSE_OF, *DENSE_OF.values()])
def test_every_layer_of_a_pair_can_be_compared(layer):
    assert small_case(layer).is_separable != small_case(layer).is_dense
    assert layer in LAYER_NAMES


@pytest.mark.parametrize("backend", AVAILABLE)
def test_every_backend_is_named_wherever_the_recipe_says(backend):
    assert (PROJECT / "bench" / "frameworks" / f"{backend}.py").exists()
    assert backend in FRAMEWORK_NAMES
    extra = "bench" if backend == "tensorflow" else backend
    assert re.search(rf"^{extra} = \[", (PROJECT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    schema = json.loads((PROJECT / "bench" / "contract" / "schema.json").read_text("utf-8"))
    facts = schema["properties"]["machine_info"]["properties"]["environment"]["properties"]
    assert backend in facts
    names = {value for name, value in vars(remedies).items() if name.isupper() and isinstance(value, str)}
    for mode in ("eager", "xla"):
        case = ConvCase(layer="separable_conv2d", direction="forward", mode=mode, batch=8)
        assert {remedy.name for remedy in suggest_remedies(case, backend)} <= names


def test_a_detector_that_is_added_by_the_recipe_speaks_where_its_evidence_is(monkeypatch):
    def find_made(layer):
        rows = layer.select("made")
        if len(rows):
            yield layer.make_finding("made_reason", rows, "Something made runs")

    monkeypatch.setitem(TITLES, "made_reason", "something made")
    monkeypatch.setattr(find, "DETECTORS", (*find.DETECTORS, find_made))
    (finding,) = test_findings.find(test_findings.row("made"))
    assert (finding.code, finding.title) == ("made_reason", "something made")
    assert test_findings.codes(test_findings.row("depthwise", "forward")) == []
