"""Files are data: a damaged one gets a sentence. ``python -m tests.fuzzing`` tries as long as told."""

import json

import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.results.files import find_files
from analysis.results.loading import load_results
from bench.plan.shape_files import ShapeFileError, read_shapes
from tests import fuzzing
from tests.analysis import made_results


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("kind", fuzzing.KINDS)
def test_a_damaged_file_gets_a_sentence_from_every_command(kind, part):
    for seed in range(12):
        fuzzing.one(kind, 1000 * part + seed)


@pytest.mark.parametrize("seed", [104200, 163100, 193900, 259500])
def test_numbers_that_are_too_long_beside_a_trace_get_a_sentence(seed):
    """What the fuzz found."""
    fuzzing.one("traces", seed)


def check(tmp_path, change):
    content = fuzzing.results()
    change(content)
    file = tmp_path / "one.json"
    file.write_text(json.dumps(content))
    return CliRunner().invoke(main, ["check", str(file)])


def test_what_the_damage_starts_from_is_whole(tmp_path):
    assert check(tmp_path, lambda content: None).exit_code == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["machine_info"]["environment"].update(busy_at_start="much"), "busy_at_start must be"),
        (lambda c: c.update(datetime="../../../../tmp/x"), "datetime must match pattern"),
        (lambda c: c["benchmarks"][0]["stats"].update(median=1e308), "stats.median must be smaller"),
        (lambda c: c["benchmarks"][0]["extra_info"]["case"].update(activation="../x"), "activation must be"),
        (lambda c: c["benchmarks"][0]["extra_info"]["case"].update(batch=2**63), "batch must be smaller"),
        (lambda c: c["benchmarks"][0]["extra_info"].update(pair="another"), "comparison that is not its own"),
        (lambda c: c["benchmarks"].append(c["benchmarks"][0]), "twice"),
        (lambda c: c["machine_info"]["environment"]["flags"].update(A=1), "flags.A must be string"),
    ],
)
def test_a_value_of_a_wrong_type_or_range_is_named_with_its_file_and_field(tmp_path, change, words):
    result = check(tmp_path, change)
    assert result.exit_code == 2
    assert "one.json" in result.output
    assert words in result.output


@pytest.mark.parametrize("trace", ["/etc", "../..", "traces/../../.."])
def test_a_trace_outside_the_folders_of_the_results_is_not_looked_at(tmp_path, trace):
    (tmp_path / "results").mkdir()
    rows = made_results.comparison_rows(fuzzing.ConvCase(), 0.002, 2.0, trace=trace)
    file = made_results.save(tmp_path / "results", rows)
    assert load_results([file]).layers["trace"].isna().all()


def test_what_a_terminal_would_obey_is_not_printed(tmp_path):
    result = check(tmp_path, lambda c: c["machine_info"]["environment"].update(keras="\x1b[2J\u202e3"))
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "keras ?[2J?3" in result.output


def test_other_json_in_a_folder_of_results_is_left_out(tmp_path):
    file = made_results.save(tmp_path, made_results.comparison_rows(fuzzing.ConvCase(), 0.002, 2.0))
    (tmp_path / "summary.json").write_text('{"answer": []}')
    (tmp_path / "cut_off.json").write_text('{"machine_info": {')
    result = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert result.exit_code == 2
    assert "cut_off.json" in result.output
    assert "summary.json" not in result.output
    assert str(file) in result.output


def test_a_file_by_two_spellings_and_a_copy_count_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = made_results.save(tmp_path, made_results.comparison_rows(fuzzing.ConvCase(), 0.002, 2.0))
    content = json.loads(file.read_text())
    (tmp_path / "copy.json").write_text(json.dumps(content, indent=1))
    found = load_results(find_files([file, tmp_path / "." / file.name, tmp_path]))
    assert len(found.runs) == 1
    assert "1 file(s) hold runs that others hold too" in found.notes[0]
    # Files of before runs had an identity are known by their samples.
    del content["machine_info"]["identity"]
    for name in ("a.json", "b.json"):
        content["datetime"] = f"2026-01-01T00:00:0{name == 'b.json':d}+00:00"
        (tmp_path / name).write_text(json.dumps(content))
    assert len(load_results([tmp_path / "a.json", tmp_path / "b.json"]).runs) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "\n\nbatch,height\n\n1,5\n", None),
        ("a.json", '[{"name": null, "batch": 1}]', None),
        ("a.json", '[{"name": ["x"]}]', "column 'name': must be text"),
        ("a.json", '[{"name": "\\u001b[2J"}]', "column 'name': must be text"),
        ("a.json", '[{"batch": ' + "9" * 5000 + "}]", "a number that is too long"),
        ("a.csv", "batch\n" + "9" * 5000, "column 'batch': must be a whole number"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.csv", "activation\n../../x\n", "activation must be the name of one"),
        ("a.csv", "strides\n9999999999999999999999\n", "strides must be at most"),
    ],
)
def test_strange_shapes_are_read_or_refused_in_a_sentence(tmp_path, name, content, words):
    file = tmp_path / name
    file.write_text(content)
    if words is None:
        assert len(read_shapes(file)) == 1
        return
    with pytest.raises(ShapeFileError, match=words) as refusal:
        read_shapes(file)
    assert len(str(refusal.value)) < 500
