import gzip
import json
import math

import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.results.files import ResultsError
from analysis.results.loading import load_results, read_saved_runs
from analysis.results.packing import pack_runs
from analysis.results.rows import COLUMNS
from tests.analysis import made_results
from tests.analysis.networks import made_networks


@pytest.fixture
def file(tmp_path):
    return made_results.save(tmp_path, made_networks.all_rows())


def test_networks_and_blocks_become_tables(file):
    found = load_results([file])
    networks = found.networks.set_index("variant")
    assert list(networks.index) == ["as it is", "dense", "separable", "recommended"]
    assert networks["ratio"].tolist() == [1.0, 0.97, 0.9, 0.84]
    assert networks["seconds"].tolist() == pytest.approx([0.010, 0.0097, 0.009, 0.0084])
    # Only the row of the network as it is has them in the file.
    assert networks.loc["dense", "layers"] == networks.loc["as it is", "layers"] == made_networks.LAYERS
    assert networks.loc["dense", "converted"] == ("sep", "dw")
    assert networks.loc["dense", "recommended"] == ("conv", "dw")
    assert networks.loc["dense", "inputs"] == ("32x32x8",)
    assert len(networks.loc["dense", "turns"]) == 21
    assert found.blocks[["variant", "ratio"]].values.tolist() == [["as it is", 1.0], ["dense", 0.75]]
    for name in ("networks", "blocks"):
        assert list(getattr(found, name)) == ["run", *COLUMNS[name]]


def test_the_network_as_it_is_has_ratio_one_whatever_it_was_paired_with(tmp_path):
    rows = made_networks.network_rows()
    rows[0]["extra_info"]["paired"] = None
    rows[1]["extra_info"]["paired"] = None
    networks = load_results([made_results.save(tmp_path, rows)]).networks
    assert networks["ratio"][0] == 1.0
    assert networks["ratios"][0] == [1.0] * 21
    assert math.isnan(networks["ratio"][1])


def test_runs_are_chosen_with_their_networks(tmp_path):
    files = [
        made_results.save(
            tmp_path, made_networks.all_rows(), f"{day}.json", when=f"2026-01-0{day}T00:00:00+00:00"
        )
        for day in (1, 2)
    ]
    chosen = load_results(files).select_runs({1})
    assert set(chosen.networks["run"]) == set(chosen.blocks["run"]) == {1}


def test_packing_keeps_the_turns_of_networks_and_their_ratios_follow(file):
    packed = file.with_name("all.jsonl.gz")
    packed.write_bytes(pack_runs(read_saved_runs([file])))
    loose, together = load_results([file]), load_results([packed])
    kept = [row["extra_info"] for row in json.loads(gzip.decompress(packed.read_bytes()))["benchmarks"]]
    assert not any("ratios" in info["paired"] for info in kept if "network" in info)
    assert not any("turns" in info for info in kept if "block" in info)
    for name in ("networks", "blocks"):
        one, other = getattr(loose, name), getattr(together, name)
        assert one["ratio"].tolist() == other["ratio"].tolist()
        for own, same in zip(one["ratios"], other["ratios"], strict=True):
            assert own == pytest.approx(same, rel=1e-6)
    assert together.networks["turns"][1] == pytest.approx(loose.networks["turns"][1], rel=1e-6)


def save_refusal(folder, **more):
    content = made_results.content(made_networks.network_rows({"as it is": 1.0}))
    content["refused_networks"] = [made_networks.refusal("dense", "no kernel", **more)]
    file = folder / "refused.json"
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize("more", [{}, {"direction": "train", "layer": "dw"}])
def test_refusals_become_a_table_and_stay_when_packed(tmp_path, more):
    file = save_refusal(tmp_path, **more)
    packed = tmp_path / "all.jsonl.gz"
    packed.write_bytes(pack_runs(read_saved_runs([file])))
    for found in (load_results([file]), load_results([packed])):
        assert found.refused_networks.to_dict("records") == [
            {"run": 0, **made_networks.refusal("dense", "no kernel", **more)}
        ]
        assert found.select_runs({1}).refused_networks.empty


def test_runs_without_refusals_are_packed_without_a_word_of_them(file):
    assert "refused_networks" not in gzip.decompress(pack_runs(read_saved_runs([file]))).decode()
    assert load_results([file]).refused_networks.empty


@pytest.mark.parametrize(
    "more", [{"direction": "sideways"}, {"kind": "tired"}, {"layer": ""}, {"network": None}]
)
def test_a_refusal_that_cannot_be_is_refused_by_name(tmp_path, more):
    with pytest.raises(ResultsError, match=r"refused\.json"):
        load_results([save_refusal(tmp_path, **more)])


def test_a_block_says_which_network_it_is_of(tmp_path):
    rows = made_networks.block_rows()
    del rows[0]["extra_info"]["block"]["model"]
    with pytest.raises(ResultsError, match="is not a result file"):
        load_results([made_results.save(tmp_path, rows)])


def test_a_check_counts_networks_and_blocks_and_what_did_not_settle(tmp_path):
    rows = made_networks.all_rows()
    rows[-1]["extra_info"]["settled"] = False
    file = made_results.save(tmp_path, rows)
    said = CliRunner().invoke(main, ["check", str(file)])
    assert said.exit_code == 0
    assert said.output.endswith("cases 4, not settled 1, networks 4, blocks 2\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda network: network.update(converted=["gone"]), "a change of 'gone', which it lacks"),
        (lambda network: network.update(recommended=["gone"]), "a change of 'gone', which it lacks"),
        (lambda network: network["layers"].append(network["layers"][0]), "a layer twice"),
        (lambda network: network["layers"].pop(0), "a change of 'conv', which it lacks"),
        (lambda network: network["layers"][0]["cases"][0].update(padding="half"), "cannot exist"),
        (lambda network: network.update(variant="dense"), "tiny dense in inference twice"),
        (lambda network: network.update(variant="fast"), "must be one of"),
        (lambda network: network.update(batch=0), "is not a result file"),
        (lambda network: network["layers"][0].pop("kind"), "is not a result file"),
        (lambda network: network["layers"][0].update(becomes="faster"), "is not a result file"),
    ],
)
def test_a_network_that_cannot_be_is_refused_by_name(tmp_path, damage, words):
    rows = made_networks.network_rows()
    damage(rows[0]["extra_info"]["network"])
    file = made_results.save(tmp_path, rows)
    with pytest.raises(ResultsError, match=words) as error:
        load_results([file])
    assert "0001_made.json" in str(error.value)


def test_a_packed_ratio_without_its_turns_is_one_sentence(file):
    packed = file.with_name("all.jsonl.gz")
    packed.write_bytes(pack_runs(read_saved_runs([file])))
    content = json.loads(gzip.decompress(packed.read_bytes()))
    del content["benchmarks"][-1]["extra_info"]["turns"]
    packed.write_bytes(gzip.compress(json.dumps(content).encode()))
    with pytest.raises(ResultsError, match="tiny recommended in inference without the turns"):
        load_results([packed])
