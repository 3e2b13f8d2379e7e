import json

import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.networks.sentences import NEW_WEIGHTS
from bench.contract.cases import ConvCase
from tests.analysis import made_results
from tests.analysis.networks import made_networks


@pytest.fixture
def file(tmp_path):
    return made_results.save(tmp_path, [*made_networks.all_rows(), *made_networks.all_rows("training")])


def run(*arguments):
    return CliRunner().invoke(main, ["network", *map(str, arguments)])


def test_every_direction_has_its_sentences_variants_and_layers(file):
    done = run(file)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    titles = [line for line in lines if line.startswith("tiny, ")]
    assert titles == [
        "tiny, inference: batch 8, 32x32x8, graph, CPU:0, 1 run",
        "tiny, training: batch 8, 32x32x8, graph, CPU:0, 1 run",
    ]
    assert done.output.count(NEW_WEIGHTS) == 2
    assert any(line.split()[:4] == ["recommended", "2", "8.4", "(8.38-8.42)"] for line in lines)
    # What is changed comes first.
    first = [line.split()[0] for line in lines if " alone, the change " in line][:3]
    assert first == ["conv", "dw", "sep"]


def test_the_code_is_printed_once_for_all_that_recommend_the_same(file):
    output = run(file).output
    assert output.count("def change_layers(model") == 1
    assert "# What is recommended for tiny, inference; tiny, training:" in output
    code = output[output.index("# What is recommended") :]
    compile(code, "printed", "exec")


def test_the_json_has_every_number_or_null(file, tmp_path):
    written = tmp_path / "network.json"
    assert run(file, "--json", written).exit_code == 0
    network = json.loads(written.read_text())["networks"][0]
    assert (network["name"], network["direction"], network["batch"]) == ("tiny", "inference", 8)
    recommended = network["variants"][3]
    assert recommended["variant"] == "recommended"
    assert recommended["ratio"] == 0.84
    assert recommended["ratio_interval"] == pytest.approx([0.84 * 0.9975, 0.84 * 1.0025])
    assert recommended["predicted_ratio"] == pytest.approx(0.85)
    assert recommended["converted"] == ["conv", "dw"]
    conv, grouped = network["layers"][0], network["layers"][-1]
    told = ("name", "kind", "in_network_seconds", "alone_seconds", "other_seconds", "verdict", "convert")
    assert [conv[name] for name in told] == ["conv", "Conv2D", None, 0.002, 0.001, "faster", True]
    assert (grouped["verdict"], grouped["convert"], grouped["comparison"]) == ("", False, "")
    assert (network["accounted"], network["by_kind"]) == (None, {})
    assert NEW_WEIGHTS in network["sentences"]


def test_changes_that_do_not_pay_are_told_and_not_recommended(tmp_path):
    ratios = {**made_networks.RATIOS, "recommended": 1.2}
    file = made_results.save(tmp_path, [*made_networks.layer_rows(), *made_networks.network_rows(ratios)])
    written = tmp_path / "network.json"
    output = run(file, "--json", written).output
    assert "1.20x slower (1.20-1.20): do not make them." in output
    assert "stays, tried separable" in output
    assert not any(words in output for words in ("def change_layers", "What is recommended", NEW_WEIGHTS))
    network = json.loads(written.read_text())["networks"][0]
    assert (network["is_proven"], network["code"]) == (False, "")
    assert network["recommended"] == ["conv", "dw"]


def save(folder, name, rows, day, **more):
    return made_results.save(folder, rows, f"{name}.json", when=f"2026-01-0{day}T00:00:00+00:00", **more)


def test_the_newest_environment_that_has_networks_is_told(tmp_path):
    layers = made_networks.layer_rows()
    files = [
        save(tmp_path, "alone", layers, 1),
        save(tmp_path, "networks", made_networks.network_rows(), 2),
        save(tmp_path, "before", made_networks.network_rows(), 1, fingerprint="before", onednn="off"),
        save(tmp_path, "later", layers, 3, fingerprint="later"),
    ]
    done = run(*files)
    assert done.exit_code == 0
    assert "tiny, inference: batch 8, 32x32x8, graph, CPU:0, 1 run" in done.output
    # The other run of that environment measured its layers.
    assert "2.00x faster" in done.output
    assert "1 run(s) are of other environments: the answer is on the newest that has networks." in done.output
    done = run(*files, "--environment", "onednn=off")
    assert done.exit_code == 0
    assert "it was not measured alone" in done.output
    done = run(*files[:3], "--environment", "onednn=elsewhere")
    assert done.exit_code == 2


def test_a_network_that_could_not_be_measured_as_it_is_says_why(tmp_path):
    content = made_results.content(made_networks.layer_rows())
    content["refused_networks"] = [made_networks.refusal("as it is", "it needs 40 GB of memory.")]
    file = tmp_path / "one.json"
    file.write_text(json.dumps(content))
    done = run(file)
    assert done.exit_code == 2
    assert done.output.endswith("no network here was measured as it is: it needs 40 GB of memory\n")


def test_files_without_a_network_get_a_sentence_that_names_the_command(tmp_path):
    done = run(made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5)))
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert "pytest bench/ --model" in done.output


def test_networks_that_were_not_measured_as_they_are_get_a_sentence(tmp_path):
    done = run(made_results.save(tmp_path, made_networks.network_rows()[1:]))
    assert done.exit_code == 2
    assert "was measured as it is" in done.output
