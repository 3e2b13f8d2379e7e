import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from analysis.environments.backends import choose_runs, compare_backends
from analysis.environments.history import find_histories
from analysis.report.build import build_report
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results

CASES = {
    "slow on all": ConvCase(in_channels=1, filters=32),
    "slow on jax": ConvCase(in_channels=64, filters=64),
    "fast": ConvCase(in_channels=256, filters=256),
}
RATIOS = {
    "tensorflow": {"slow on all": 1.5, "slow on jax": 0.5, "fast": 0.2},
    "jax": {"slow on all": 2.0, "slow on jax": 1.6, "fast": 0.3},
    "torch": {"slow on all": 1.4, "slow on jax": 0.6, "fast": 0.25},
}
#: Dense seconds.
SECONDS = {"tensorflow": 0.002, "jax": 0.003, "torch": 0.004}


def save(folder, backend, replicate=1, *, campaign="both", skip=(), spread=0.005, **environment):
    random = np.random.default_rng(replicate)
    rows = []
    for name, case in CASES.items():
        if name in skip:
            continue
        dense, separable = made_results.pair_of(case)
        ratio = RATIOS[backend][name] * np.exp(spread * random.standard_normal())
        for one, seconds, ratios in ((dense, 1.0, 1.0), (separable, ratio, ratio)):
            seconds *= SECONDS[backend]
            turns = {"together": f"{replicate}-{case.comparison}", "seconds": [float(seconds)] * 6}
            rows.append(
                made_results.layer_row(one, float(seconds), [float(ratios)] * 21, turns=turns, name=name)
            )
    facts = {"backend": backend, backend: "1.2.3", "fingerprint": backend, "modes": {"graph": "it"}}
    when = f"2026-01-{replicate:02}T00:00:0{list(RATIOS).index(backend)}+00:00"
    content = made_results.content(rows, when=when, **{**facts, **environment})
    if campaign:
        described = {"id": campaign, "replicate": replicate, "label": backend}
        content["machine_info"]["run"]["campaign"] = described
    fingerprint = content["machine_info"]["environment"]["fingerprint"]
    file = folder / f"{campaign}-{fingerprint}-{replicate}.json"
    file.write_text(json.dumps(content))
    return file


def measured(folder, backends=tuple(RATIOS), **options):
    return load_results([save(folder, backend, n, **options) for backend in backends for n in (1, 2, 3)])


def test_what_is_slow_everywhere_is_told_from_what_is_one_frameworks_doing(tmp_path):
    found = compare_backends(measured(tmp_path))
    where = found.ratios.set_index("name")[["slower", "slower_on"]].T.to_dict("list")
    assert where == {
        "slow on all": ["everywhere", "tensorflow, jax, torch"],
        "slow on jax": ["one", "jax"],
        "fast": ["nowhere", ""],
    }
    assert found.sentences[:2] == [
        "Of 3 comparisons measured on all frameworks, SeparableConv2D is slower in 1 with TensorFlow, "
        "2 with JAX, 1 with PyTorch.",
        "In 1 it is slower on every framework, which is the operation's nature on this machine; in 1 it is "
        "slower with JAX alone.",
    ]


def test_one_dimensional_layers_among_them_are_not_called_conv2d(tmp_path):
    found = compare_backends(measured(tmp_path))
    line = found.cases.iloc[:2].assign(layer=["conv1d", "separable_conv1d"], id=["a", "b"])
    mixed = dataclasses.replace(found, cases=pd.concat([found.cases, line], ignore_index=True))
    assert "the separable layer is slower in 1 with TensorFlow" in mixed.sentences[0]
    assert mixed.sentences[-2].startswith("Fastest for SeparableConv2D and SeparableConv1D, of 4 cases: ")
    assert mixed.sentences[-1].startswith("Fastest for Conv2D and Conv1D, of 4 cases: ")


def test_the_fastest_framework_of_each_case_leads_the_next_by_a_measured_ratio(tmp_path):
    cases = compare_backends(measured(tmp_path)).cases.set_index("id")
    dense = cases.loc[ConvCase(in_channels=256, filters=256).id]
    assert (dense["fastest"], dense["runner_up"]) == ("tensorflow", "jax")
    assert dense["lead"] == pytest.approx(2 / 3, rel=0.01)
    assert dense["lead_low"] <= dense["lead"] <= dense["lead_high"]
    assert dense["decided"]
    # 0.004 x 0.6 of PyTorch before 0.003 x 1.6 of JAX.
    separable = cases.loc[made_results.pair_of(CASES["slow on jax"])[1].id]
    assert (separable["fastest"], separable["runner_up"]) == ("tensorflow", "torch")


def test_an_undecided_framework_keeps_a_case_from_being_one_frameworks_fault(tmp_path):
    files = [save(tmp_path, "tensorflow", n, spread=0.6) for n in (1, 2, 3)]
    files += [save(tmp_path, "jax", n) for n in (1, 2, 3)]
    row = compare_backends(load_results(files)).ratios.set_index("name").loc["slow on jax"]
    assert (row["tensorflow_verdict"], row["jax_verdict"]) == ("undecided", "slower")
    assert (row["slower"], row["slower_on"]) == ("some", "jax")


def test_a_comparison_that_one_framework_lacks_is_listed_without_it(tmp_path):
    files = [save(tmp_path, backend, n) for backend in ("tensorflow", "jax") for n in (1, 2, 3)]
    files += [save(tmp_path, "torch", n, skip=("fast",)) for n in (1, 2, 3)]
    found = compare_backends(load_results(files))
    row = found.ratios.set_index("name").loc["fast"]
    assert np.isnan(row["torch_ratio"])
    assert row["torch_verdict"] == ""
    assert found.sentences[0].startswith("Of 2 comparisons measured on all frameworks")


def test_one_framework_alone_is_nothing_to_set_against_each_other(tmp_path):
    assert compare_backends(measured(tmp_path, ("tensorflow",))) is None


def test_frameworks_on_another_machine_stay_out(tmp_path):
    files = [save(tmp_path, "tensorflow", 1), save(tmp_path, "jax", 2, host="elsewhere")]
    assert choose_runs(load_results(files)) == {}


def test_campaigns_over_other_things_stay_out(tmp_path):
    files = [save(tmp_path, "tensorflow", n, campaign="", fingerprint="own") for n in (1, 2)]
    files += [save(tmp_path, "jax", n, campaign="") for n in (1, 2)]
    files += [save(tmp_path, "tensorflow", n, campaign="releases", fingerprint="older") for n in (8, 9)]
    chosen = choose_runs(load_results(files))
    assert {backend: {run.fingerprint for run in one.runs} for backend, one in chosen.items()} == {
        "tensorflow": {"own"},
        "jax": {"jax"},
    }


def test_several_campaigns_over_frameworks_count_together(tmp_path):
    files = [
        save(tmp_path, backend, n, skip=("fast",)) for backend in ("tensorflow", "jax") for n in (1, 2, 3)
    ]
    others = ("slow on all", "slow on jax")
    for backend in ("tensorflow", "jax"):
        files += [save(tmp_path, backend, n, campaign="later", skip=others) for n in (4, 5, 6)]
    found = compare_backends(load_results(files))
    assert set(found.ratios["name"]) == set(CASES)
    assert found.cases["decided"].all()


def test_a_campaign_over_frameworks_is_a_section_of_its_own_and_no_history(tmp_path):
    everything = measured(tmp_path)
    assert find_histories(everything) == []
    main = everything.select_runs({run.number for run in everything.runs if run.fingerprint == "tensorflow"})
    report = build_report(main, tmp_path, everything)
    assert '<section id="frameworks"' in report.html
    assert "JAX 1.2.3" in report.html
    # Whether it is one framework's fault is part of the answer.
    assert any("slower with JAX alone" in sentence for sentence in report.sentences[3:])
    assert "slower with JAX alone" in report.html
    assert {"frameworks", "frameworks_times"} <= set(report.tables)
    assert "frameworks_ratios" in {figure.key for figure in report.figures}
    assert "Frameworks (<code>" not in report.html
    alone = build_report(main, tmp_path, main)
    assert "Frameworks (<code>" in alone.html


def test_the_newest_campaign_is_not_mixed_with_older_runs_of_the_same_environments(tmp_path):
    files = [save(tmp_path, backend, 1, campaign="old") for backend in RATIOS]
    files += [save(tmp_path, "tensorflow", 2, campaign="")]
    files += [save(tmp_path, backend, 3, campaign="new") for backend in ("tensorflow", "jax")]
    chosen = choose_runs(load_results(files))
    assert {backend: [run.campaign.id for run in one.runs] for backend, one in chosen.items()} == {
        "tensorflow": ["new"],
        "jax": ["new"],
        "torch": ["old"],
    }
