import json

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.environments.history import find_histories
from analysis.report.build import build_report
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results

CASES = [
    made_results.pair_of(ConvCase(in_channels=channels, direction=direction))
    for channels in (8, 16, 32)
    for direction in ("forward", "train")
]
VERSIONS = {"tf29": "2.9.1", "tf210": "2.10.0", "tf211": "2.11.0"}


def campaign(folder, *, slower_from="tf211", factor=1.5, skip=(), **environment):
    """Three releases, three replicates; in one of them the separable training gets slower."""
    random = np.random.default_rng(1)
    files = []
    for place, (label, version) in enumerate(VERSIONS.items()):
        for replicate in (1, 2, 3):
            rows = []
            for dense, separable in CASES:
                if (label, dense.in_channels) in skip:
                    continue
                ratio = 0.5 * np.exp(0.005 * random.standard_normal())
                if place >= list(VERSIONS).index(slower_from) and separable.direction == "train":
                    ratio *= factor
                for case, seconds, ratios in ((dense, 0.002, 1.0), (separable, 0.002 * ratio, ratio)):
                    turns = {"together": f"{replicate}-{case.comparison}", "seconds": [float(seconds)] * 6}
                    rows.append(
                        made_results.layer_row(case, float(seconds), [float(ratios)] * 21, turns=turns)
                    )
            content = made_results.content(
                rows, when=f"2026-01-{replicate:02}T00:00:00+00:00", tensorflow=version, fingerprint=label,
                **environment,
            )  # fmt: skip
            described = {"id": "history", "replicate": replicate, "label": label}
            content["machine_info"]["run"]["campaign"] = described
            files.append(folder / f"{label}-{replicate}.json")
            files[-1].write_text(json.dumps(content))
    return files


def only(folder, **options):
    (history,) = find_histories(load_results(campaign(folder, **options)))
    return history


def test_releases_stand_in_the_order_of_their_versions(tmp_path):
    history = only(tmp_path)
    assert history.labels == ("tf29", "tf210", "tf211")
    assert history.are_releases
    assert [environment["tensorflow"] for environment in history.environments] == list(VERSIONS.values())


def test_a_step_is_found_in_its_release_and_in_no_other(tmp_path):
    history = only(tmp_path)
    slower = history.steps[history.steps["verdict"] == "slower"]
    assert set(slower["label"]) == {"tf211"}
    assert set(slower["id"]) == {separable.id for _, separable in CASES if separable.direction == "train"}
    assert (history.steps["verdict"] != "faster").all()
    assert history.steps[history.steps["label"] == "tf29"]["verdict"].eq("").all()
    assert slower["relative"].to_list() == pytest.approx([1.5] * 3, rel=0.03)
    assert history.counts["slower"] == 3
    assert any(sentence.startswith("With tf211, separable_conv2d-train") for sentence in history.sentences)


def test_how_often_the_separable_layer_is_slower_is_told_for_both_ends(tmp_path):
    history = only(tmp_path, factor=3.0)
    assert history.separable_slower == ((0, 6), (0, 6), (3, 6))
    assert "in 0 of 6 comparisons with tf29, in 3 of 6 with tf211" in history.sentences[-1]


def test_a_case_that_an_early_release_lacks_begins_where_it_is_there(tmp_path):
    history = only(tmp_path, skip=[("tf29", 8)])
    rows = history.steps[history.steps["id"] == CASES[0][0].id]
    assert list(rows["label"]) == ["tf210", "tf211"]
    assert rows.iloc[0]["verdict"] == ""
    assert rows.iloc[0]["relative"] == 1


def test_runs_by_themselves_and_equal_environments_make_no_history(tmp_path):
    files = campaign(tmp_path)
    assert find_histories(load_results(files[:3])) == []
    file = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    assert find_histories(load_results([file])) == []


def test_the_report_shows_the_releases_and_judges_by_the_runs_by_themselves(tmp_path):
    campaign(tmp_path)
    made_results.save(
        tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5), "alone.json", fingerprint="alone"
    )
    result = CliRunner().invoke(main, ["report", str(tmp_path), "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out/index.html").read_text()
    assert '<section id="releases"' in page
    assert "of the 1 comparisons" in page
    assert (tmp_path / "out/figures/releases_over_time.svg").exists()
    assert (tmp_path / "out/data/releases.csv").exists()


def test_a_campaign_alone_makes_a_report_too(tmp_path):
    loaded = load_results(campaign(tmp_path))
    page = build_report(
        loaded.leave_out_campaigns().select_newest_environment(), tmp_path / "out", loaded
    ).html
    assert '<section id="releases"' in page


def test_environments_of_one_release_are_called_so(tmp_path):
    files = campaign(tmp_path)
    for file in files:
        content = json.loads(file.read_text())
        content["machine_info"]["environment"]["tensorflow"] = "2.21.0"
        file.write_text(json.dumps(content))
    loaded = load_results(files)
    (history,) = find_histories(loaded)
    assert not history.are_releases
    assert (
        '<section id="environments"'
        in build_report(loaded.select_newest_environment(), tmp_path / "out", loaded).html
    )
