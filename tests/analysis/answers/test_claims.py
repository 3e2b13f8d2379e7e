import dataclasses
import json

import pytest
from click.testing import CliRunner

from analysis import commands
from analysis.answers.claims import WORDS, ClaimAnswer, TrialOutcome, is_as_claimed, judge_claims
from analysis.cli.main import main
from analysis.mnist.trainings import keep_judged_trainings
from analysis.pairs.table import tabulate_pairs
from analysis.results.loading import load_results
from analysis.statistics.estimates import Estimate
from bench.contract.cases import SCHEMA, ConvCase
from bench.contract.claims import Trial, load_claims
from tests.analysis import made_results
from tests.analysis.mnist.test_trainings import experiment

CASE = ConvCase(layer="separable_conv2d")


def trial(expects, at_least=1.0):
    return Trial(CASE, dataclasses.replace(CASE, layer="conv2d"), expects, at_least)


@pytest.mark.parametrize(
    ("expects", "verdict", "answer"),
    [
        ("slower", "slower", True),
        ("slower", "same", False),
        ("slower", "faster", False),
        ("slower", "undecided", None),
        ("faster", "faster", True),
        ("faster", "slower", False),
        ("not faster", "same", True),
        ("not faster", "slower", True),
        ("not faster", "faster", False),
        ("not faster", "undecided", None),
    ],
)
def test_a_trial_is_as_claimed_where_its_verdict_is(expects, verdict, answer):
    assert is_as_claimed(trial(expects), Estimate(1.0, 0.9, 1.1), verdict) is answer


@pytest.mark.parametrize(
    ("expects", "low", "high", "answer"),
    [
        ("faster", 0.10, 0.12, True),
        ("faster", 0.20, 0.25, False),
        ("faster", 0.10, 0.15, None),
        ("slower", 8.5, 9.0, True),
        ("slower", 1.2, 1.4, False),
        ("slower", 7.0, 9.0, None),
    ],
)
def test_a_claim_of_how_many_times_needs_so_many(expects, low, high, answer):
    assert is_as_claimed(trial(expects, 8), Estimate((low + high) / 2, low, high), expects) is answer


def contrast_row(contrast, ratio):
    row = made_results.layer_row(contrast.case, 0.001, [ratio] * 21)
    info = {"contrast": {"case": contrast.case.as_dict(), "base": contrast.base.as_dict()}}
    return {**row, "extra_info": {"schema": SCHEMA, **info, "paired": row["extra_info"]["paired"]}}


def measured(tmp_path, ratio_of, trained=()):
    """Every trial of the ledger, with the ratio that ``ratio_of`` says."""
    rows, seen = [], set()
    for claim in load_claims():
        for one in claim.trials:
            if one.id in seen:
                continue
            seen.add(one.id)
            if one.is_comparison:
                rows += made_results.comparison_rows(one.base, 0.002, ratio_of(one))
            else:
                rows.append(contrast_row(one, ratio_of(one)))
    return load_results([made_results.save(tmp_path, [*rows, *trained])])


def ledger(found):
    answers = judge_claims(found, tabulate_pairs(found), keep_judged_trainings(found))
    return {answer.claim.id: answer for answer in answers}


RATIOS = {"slower": 1.5, "faster": 0.1, "not faster": 1.5}


def test_claims_hold_where_everything_is_as_claimed(tmp_path):
    answers = ledger(measured(tmp_path, lambda one: RATIOS[one.expects]))
    for name, answer in answers.items():
        if answer.claim.training and answer.claim.trials:
            assert answer.word == "partly measured"
        elif answer.claim.trials:
            # Some of the same cases are claimed to be slower by one and faster by another.
            assert answer.word in ("holds", "mixed", "refuted"), name
    assert answers["tensorflow-60312"].word == "holds"
    assert answers["tensorflow-41715"].word == "holds"


def test_claims_are_refuted_where_nothing_is_and_mixed_where_some_is(tmp_path):
    answers = ledger(measured(tmp_path, lambda one: 0.3))
    assert answers["tensorflow-12132-channels"].word == "refuted"
    assert answers["flops"].word == "refuted"
    assert answers["tensorflow-60312"].word == "mixed"
    assert "2.0 to" not in answers["flops"].outcomes[0].says
    assert "3.3 times as fast" in answers["flops"].outcomes[0].says


def test_what_was_not_measured_names_the_command(tmp_path):
    found = load_results(
        [made_results.save(tmp_path, made_results.comparison_rows(ConvCase(direction="train"), 0.002, 1.4))]
    )
    answers = ledger(found)
    assert answers["tensorflow-12132-channels"].word == "not measured"
    assert answers["tensorflow-12132-channels"].missing == (commands.CLAIMS,)
    assert answers["article-less-accurate"].missing == (commands.TRAIN,)
    # Half of it was measured by the default grid.
    assert answers["tensorflow-42664"].word == "partly measured"
    assert answers["tensorflow-42664"].missing == (commands.CLAIMS,)
    # What shall be slower is slower, and what shall be faster is not: that is enough.
    slow = load_results([made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 1.4))])
    assert ledger(slow)["tensorflow-42664"].word == "refuted"


def test_a_claim_holds_in_all_its_parts_or_not_at_all():
    def word(*parts, missing=(), trained=(), of="flops"):
        (claim,) = (claim for claim in load_claims() if claim.id == of)
        outcomes = [TrialOutcome(part, "", trial=claim.trials[0]) for part in parts]
        outcomes += [TrialOutcome(part, "") for part in trained]
        return ClaimAnswer(claim, "CPU:0", tuple(outcomes), missing).word

    assert word(True, True) == "holds"
    assert word(True, None) == "undecided"
    assert word(None) == "undecided"
    assert word(None, False) == "refuted"
    assert word(True, False, None) == "mixed"
    assert word(True, missing=("measure it",)) == "partly measured"
    assert word(True, False, missing=("measure it",)) == "mixed"
    assert word(missing=("measure it",)) == "not measured"
    # Of a network its training decides.
    assert word(True, False, of="article-slower") == "partly measured"
    assert word(True, True, trained=(False,), of="article-slower") == "refuted"
    assert word(False, trained=(True,), of="article-slower") == "holds"


def test_trainings_answer_what_only_they_can(tmp_path):
    answers = ledger(measured(tmp_path, lambda one: 0.5, experiment()))
    assert answers["article-less-accurate"].word == "holds"
    assert answers["article-slower"].word == "refuted"
    assert answers["article-depth"].word == "not measured"


def test_the_command_prints_the_ledger_and_writes_it(tmp_path):
    measured(tmp_path, lambda one: 0.3, experiment())
    file = tmp_path / "claims.out"
    result = CliRunner().invoke(main, ["claims", str(tmp_path), "--json", str(file)])
    assert result.exit_code == 0, result.output
    assert "refuted: It is slower for every number of channels from 32 to 2048." in result.output
    assert result.output.splitlines()[-1].startswith(f"Of {len(load_claims())} claims: holds")
    content = json.loads(file.read_text())["claims"]
    assert {entry["answer"] for entry in content} <= set(WORDS)
    (flops,) = (entry for entry in content if entry["id"] == "flops")
    assert flops["outcomes"][0]["interval"][0] < flops["outcomes"][0]["ratio"]


def test_the_report_has_the_ledger(tmp_path):
    measured(tmp_path, lambda one: 0.3)
    result = CliRunner().invoke(main, ["report", str(tmp_path), "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out/index.html").read_text()
    assert '<section id="claims"' in page
    assert "tensorflow#12132" in page
