import json

from analysis.report.cautions import list_cautions
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results


def load(tmp_path, **info):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5, **info)
    return load_results([made_results.save(tmp_path, rows)])


def test_where_all_went_well_there_is_nothing_to_beware_of(tmp_path):
    assert list_cautions(load(tmp_path)) == []


def test_measurements_that_did_not_settle_are_counted(tmp_path):
    assert list_cautions(load(tmp_path, settled=False)) == [
        "2 of 2 measurements had not settled when timing began."
    ]


def test_runs_that_began_beside_others_are_counted_with_the_worst(tmp_path):
    files = []
    for place, busy in enumerate((0.02, 0.3, 0.5)):
        rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5)
        content = made_results.content(rows, when=f"2026-01-0{place + 1}T00:00:00+00:00", busy_at_start=busy)
        files.append(tmp_path / f"{place}.json")
        files[-1].write_text(json.dumps(content))
    assert list_cautions(load_results(files)) == [
        "2 of 3 runs began while others used up to 50% of the processor: repeat them on an idle machine."
    ]
