import gzip
import json

import pytest

from analysis.results.files import ResultsError, find_files
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results


def test_rows_become_tables(tmp_path):
    file = made_results.save(
        tmp_path, [*made_results.comparison_rows(ConvCase(), 0.002, 0.5), *made_results.ceilings()]
    )
    loaded = load_results([file])
    assert list(loaded.layers["layer"]) == ["conv2d", "separable_conv2d"]
    assert loaded.layers["ratio"].tolist() == [1.0, 0.5]
    assert loaded.layers.iloc[1]["case"] == ConvCase(layer="separable_conv2d")
    assert set(loaded.ceilings["kind"]) == {"matrix_product", "copy", "triad", "empty_call"}
    assert loaded.environment["fingerprint"] == "0123456789"


def test_runs_are_ordered_by_their_date_whatever_the_order_of_files(tmp_path):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5)
    late = made_results.save(tmp_path, rows, "a.json", when="2026-05-01T00:00:00+00:00", host="late")
    early = made_results.save(tmp_path, rows, "b.json", when="2026-01-01T00:00:00+00:00", host="early")
    assert [run.environment["host"] for run in load_results([late, early]).runs] == ["early", "late"]


def test_the_newest_environment_is_chosen_with_all_its_runs(tmp_path):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5)
    files = [
        made_results.save(
            tmp_path, rows, f"{day}.json", when=f"2026-01-0{day}T00:00:00+00:00", fingerprint=print_
        )
        for day, print_ in ((1, "new"), (2, "old"), (3, "new"))
    ]
    chosen = load_results(files).select_newest_environment()
    assert len(chosen.runs) == 2
    assert set(chosen.layers["run"]) == {0, 2}


def test_a_folder_stands_for_the_files_below_it(tmp_path):
    (tmp_path / "deep").mkdir()
    file = made_results.save(tmp_path / "deep", [])
    assert find_files([tmp_path]) == [file] == find_files([file, tmp_path])


def test_a_packed_file_is_read_like_any_other_and_refused_by_name_where_it_is_cut_off(tmp_path):
    file = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    packed = tmp_path / "deep" / "packed.json.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert find_files([tmp_path]) == sorted([file, packed])
    assert load_results([packed]).layers["ratio"].tolist() == load_results([file]).layers["ratio"].tolist()
    whole = packed.read_bytes()
    for length in range(0, len(whole) - 1, 31):
        packed.write_bytes(whole[:length])
        with pytest.raises(ResultsError, match=r"packed\.json\.gz"):
            load_results([packed])


def test_an_empty_or_missing_folder_says_which_command_to_run(tmp_path):
    with pytest.raises(ResultsError, match="pytest bench/ --benchmark-autosave"):
        find_files([tmp_path])
    with pytest.raises(ResultsError, match=r"there is no .*nowhere.*pytest bench/"):
        find_files([tmp_path / "nowhere"])


def test_a_file_cut_off_anywhere_is_refused_by_name(tmp_path):
    whole = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5)).read_text()
    cut = tmp_path / "cut.json"
    for length in range(0, len(whole) - 1, 97):
        cut.write_text(whole[:length])
        with pytest.raises(ResultsError, match=r"cut\.json is not JSON, or was cut off"):
            load_results([cut])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda c: [1, 2], "was not written by pytest-benchmark"),
        (lambda c: {"hello": 1}, "was not written by pytest-benchmark"),
        (lambda c: _set(c, ["benchmarks", 0, "extra_info"], {}), "its rows carry no schema"),
        (lambda c: _set(c, ["benchmarks", 0], 3), "its rows carry no schema"),
        (lambda c: _set(c, ["benchmarks", 0, "extra_info", "schema"], 99), "has schema 99, this version"),
        (lambda c: _set(c, ["benchmarks", 0, "stats", "median"], "fast"), "median must be number"),
        (lambda c: _set(c, ["benchmarks", 0, "extra_info", "case", "colour"], 1), "is not a result file"),
        (lambda c: _set(c, ["benchmarks", 0, "extra_info", "case", "padding"], "half"), "that cannot exist"),
        (lambda c: _set(c, ["benchmarks", 0, "stats", "median"], 0), "is not a result file"),
        (lambda c: _set(c, ["benchmarks", 0, "stats", "median"], float("nan")), "NaN is no number"),
        (lambda c: _set(c, ["machine_info", "environment", "fingerprint"], "../x"), "is not a result file"),
        (lambda c: _set(c, ["machine_info"], {}), "is not a result file of this suite"),
    ],
)  # fmt: skip
def test_a_foreign_or_damaged_file_is_refused_by_name(tmp_path, damage, words):
    file = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    file.write_text(json.dumps(damage(json.loads(file.read_text()))))
    with pytest.raises(ResultsError, match=words) as error:
        load_results([file])
    assert "0001_made.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_refused_cases_are_kept_with_their_reason(tmp_path):
    file = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    content = json.loads(file.read_text())
    content["not_measured"] = [{"case": ConvCase(dtype="float16").as_dict(), "reason": "no kernel"}]
    file.write_text(json.dumps(content))
    assert load_results([file]).not_measured[["id", "reason"]].values.tolist() == [
        [ConvCase(dtype="float16").id, "no kernel"]
    ]


def _set(content, path, value):
    target = content
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return content
