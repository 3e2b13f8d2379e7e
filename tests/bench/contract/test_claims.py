import pytest

from bench.contract.claims import list_contrasts, load_claims
from bench.plan import grids
from bench.plan.comparisons import Axes, expand


def test_every_claim_has_a_source_a_statement_and_something_that_tests_it():
    ledger = load_claims()
    assert len({claim.id for claim in ledger}) == len(ledger)
    for claim in ledger:
        assert claim.source
        assert claim.statement.endswith(".")
        assert claim.trials or claim.training


@pytest.mark.parametrize("claim", load_claims(), ids=lambda claim: claim.id)
def test_the_grid_of_claims_measures_what_every_claim_needs(claim):
    comparisons = expand(grids.load_grid("claims").shapes, Axes(("CPU:0",)))
    compared = {case for comparison in comparisons for case in comparison.cases}
    contrasts = set(list_contrasts(("CPU:0",)))
    for trial in claim.trials:
        if trial.is_comparison:
            assert {trial.case, trial.base} <= compared
        else:
            assert trial in contrasts


def test_contrasts_are_asked_of_every_device_once():
    found = list(list_contrasts(("CPU:0", "GPU:0")))
    assert len(found) == len({contrast.id for contrast in found})
    assert {contrast.case.device for contrast in found} == {"CPU:0", "GPU:0"}


def test_the_two_sides_of_a_contrast_differ_in_what_is_claimed_alone():
    for contrast in list_contrasts(("CPU:0",)):
        different = {
            name for name, value in vars(contrast.case).items() if value != getattr(contrast.base, name)
        }
        assert different in ({"layer"}, {"layer", "filters"}, {"mode"}, {"dtype"}), contrast.id
