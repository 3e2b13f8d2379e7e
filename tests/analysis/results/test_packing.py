import gzip
import json

import pytest

from analysis.results.files import ResultsError, find_files
from analysis.results.loading import load_results, read_saved_runs
from analysis.results.packing import pack_runs
from bench.contract.cases import ConvCase
from tests.analysis import made_results


def save_two(folder, **info):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5, **info)
    for number in (1, 2):
        when = f"2026-01-0{number}T00:00:00+00:00"
        made_results.save(folder, [*rows, *made_results.ceilings()], f"{number}.json", when=when)
    return find_files([folder])


@pytest.fixture
def packed(tmp_path):
    files = save_two(tmp_path)
    file = tmp_path / "elsewhere" / "all.jsonl.gz"
    file.parent.mkdir()
    file.write_bytes(pack_runs(read_saved_runs(files)))
    return files, file


def test_packed_runs_give_the_same_tables(packed):
    files, file = packed
    loose, together = load_results(files), load_results([file])
    assert [run.identity for run in together.runs] == [run.identity for run in loose.runs]
    for name in ("layers", "ceilings"):
        one, other = getattr(loose, name), getattr(together, name)
        columns = [column for column in one.columns if column != "turns"]
        assert one[columns].equals(other[columns])


def test_a_packed_run_is_known_as_a_copy_of_the_loose_one(packed):
    files, file = packed
    both = load_results([*files, file])
    assert len(both.runs) == 2
    assert both.notes == (f"1 file(s) hold runs that others hold too, and are ignored: {file}",)


def test_an_older_run_without_an_identity_is_known_again_after_packing(tmp_path):
    file = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    content = json.loads(file.read_text())
    del content["machine_info"]["identity"]
    file.write_text(json.dumps(content))
    before = load_results([file]).runs[0].identity
    packed = tmp_path / "old.jsonl.gz"
    packed.write_bytes(pack_runs(read_saved_runs([file])))
    assert load_results([packed]).runs[0].identity == before


def test_turns_are_kept_where_other_runs_shared_them_and_nowhere_else(tmp_path):
    for together, kept in (("one-7", [0.001234568]), (None, None)):
        folder = tmp_path / str(together)
        folder.mkdir()
        files = save_two(folder, turns={"together": together, "seconds": [0.00123456789]})
        packed = folder / "all.jsonl.gz"
        packed.write_bytes(pack_runs(read_saved_runs(files)))
        assert load_results([packed]).layers["turns"].tolist()[0] == kept


def save_in_turns(folder):
    """A run whose turns others shared, with ratios that are those of its turns."""
    dense, separable = made_results.pair_of(ConvCase())
    seconds = {dense: [0.002, 0.0021, 0.0019], separable: [0.001, 0.0011, 0.0012]}
    rows = []
    for case, taken in seconds.items():
        ratios = [own / other for own, other in zip(taken, seconds[dense], strict=True)]
        turns = {"together": "one-7", "seconds": taken}
        rows.append(made_results.layer_row(case, sorted(taken)[1], ratios, turns=turns))
    return made_results.save(folder, rows)


def test_ratios_of_shared_turns_are_computed_again_from_their_times(tmp_path):
    file = save_in_turns(tmp_path)
    packed = tmp_path / "all.jsonl.gz"
    packed.write_bytes(pack_runs(read_saved_runs([file])))
    assert b"ratios" not in gzip.decompress(packed.read_bytes())
    loose, together = load_results([file]).layers, load_results([packed]).layers
    assert together["ratio"].tolist() == loose["ratio"].tolist()
    for own, other in zip(together["ratios"], loose["ratios"], strict=True):
        assert own == pytest.approx(other, rel=1e-6)


@pytest.mark.parametrize(
    "damage",
    [
        lambda rows: rows[1]["extra_info"].pop("turns"),
        lambda rows: rows.pop(0),
        lambda rows: rows[0]["extra_info"]["turns"]["seconds"].pop(),
    ],
)
def test_a_ratio_without_its_turns_is_one_sentence(tmp_path, damage):
    packed = tmp_path / "all.jsonl.gz"
    packed.write_bytes(pack_runs(read_saved_runs([save_in_turns(tmp_path)])))
    content = json.loads(gzip.decompress(packed.read_bytes()))
    damage(content["benchmarks"])
    packed.write_bytes(gzip.compress(json.dumps(content).encode()))
    with pytest.raises(ResultsError, match="without the turns that its ratio is of"):
        load_results([packed])


def test_of_a_run_in_two_files_the_one_that_holds_most_is_packed(packed):
    files, file = packed
    part = files[0].with_name("part.json")
    content = json.loads(files[0].read_text())
    content["benchmarks"] = content["benchmarks"][:1]
    part.write_text(json.dumps(content))
    for order in ([*files, part], [part, *files]):
        assert pack_runs(read_saved_runs(order)) == file.read_bytes()


def test_packing_the_packed_changes_nothing(packed):
    _, file = packed
    assert pack_runs(read_saved_runs([file])) == file.read_bytes()
    assert pack_runs([*read_saved_runs([file]), *read_saved_runs([file])]) == file.read_bytes()


def test_a_damaged_line_is_named(packed):
    _, file = packed
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    for damaged, words in (
        ([lines[0], lines[1][:-9]], "line 2 is not JSON, or was cut off"),
        ([lines[0], "", lines[1]], "line 2 is not JSON, or was cut off"),
        ([lines[0].replace('"median"', '"middle"')], "line 1 is not a result file"),
        ([], "line 1 is not JSON"),
    ):
        file.write_bytes(gzip.compress("\n".join(damaged).encode()))
        with pytest.raises(ResultsError, match=f"all.jsonl.gz, {words}"):
            load_results([file])
