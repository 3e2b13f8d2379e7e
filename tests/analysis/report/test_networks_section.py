"""The section on whole networks: what their owner reads first, and that foreign names are text."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from analysis.report import build, study
from analysis.report.folder import write_report
from analysis.results.loading import load_results
from analysis.statistics.verdicts import Verdict
from bench.contract.cases import ConvCase
from bench.contract.networks import AS_IT_IS
from tests.analysis import made_results
from tests.analysis.networks import made_networks
from tests.analysis.report import made_measured_networks as made

HOSTILE = '</script><img src=x onerror=alert(1)>$x^2$ & "quoted"'


@pytest.fixture
def report_on(tmp_path, monkeypatch):
    """The report on networks beside nothing else, unless there are ``rows``."""

    def build_it(*networks, rows=()):
        monkeypatch.setattr(study, "build_networks", lambda results: list(networks))
        file = made_results.save(tmp_path, list(rows) or made_results.ceilings())
        return build.build_report(load_results([file]), tmp_path)

    return build_it


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The report on the small network beside one comparison."""
    folder = tmp_path_factory.mktemp("small")
    file = made_results.save(folder, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "build_networks", lambda results: [made.small_network()])
        return build.build_report(load_results([file]), folder)


def table_of(html):
    """The layers of the network's training, as the page's script is given them."""
    return json.loads(re.search(r'id="rows-network_1_training">(.*?)</script>', html)[1])


def section_of(html):
    return html.partition('<section id="networks"')[2].partition("</section>")[0]


def test_a_network_leads_the_answer_and_its_section_is_the_first_below_it(small):
    assert small.sentences[0] == (
        "Training: classifier is 1.35x faster (1.32-1.38) with 1 of its 3 convolutions changed."
    )
    assert small.sentences[1].startswith("SeparableConv2D is")
    assert re.findall(r'<section id="([^"]*)"', small.html)[:2] == ["answer", "networks"]
    assert '<h2 id="networks-title">Your network</h2>' in small.html


def test_its_parts_stand_in_the_order_in_which_they_are_asked_for(small):
    section = section_of(small.html)
    places = [
        section.index(words)
        for words in (
            "<strong>Training: classifier is 1.35x faster",
            "<figure>",
            "<td>as it is</td>",
            "Where the time of a traced step of 100 ms goes: convolutions 78 %",
            'id="rows-network_1_training"',
            "cannot be changed</summary>",
            "2 other layers</summary>",
            "The same changes in Python",
        )
    ]
    assert places == sorted(places)


def test_variants_have_their_times_changes_and_predictions(small):
    section = section_of(small.html)
    rows = [
        re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", section, re.DOTALL)
    ]
    by_variant = {cells[0]: cells[1:] for cells in rows if cells}
    assert by_variant["as it is"] == ["0", "100 (98-102)", "", "", "", "20,000", "20.0"]
    assert by_variant["recommended"] == [
        "1", "74.1 (72.6-75.6)", "1.35x faster (1.32-1.38)", "faster", "1.29x faster", "12,000", "12.0"
    ]  # fmt: skip
    assert by_variant["separable"][2:4] == ["1.21x slower (1.19-1.23)", "slower"]


def test_the_layers_that_are_changed_come_first_and_say_why(report_on):
    layers = (made.convolution("kept", 0.02, convert=False), made.convolution("swapped", 0.04, convert=True))
    html = report_on(made.network(layers)).html
    table = table_of(html)
    titles = [column["title"] for column in table["columns"]]
    rows = [dict(zip(titles, row, strict=True)) for row in table["rows"]]
    assert [(row["layer"], row["changed"]) for row in rows] == [("swapped", "yes"), ("kept", "no")]
    assert (rows[0]["in the network, ms"], rows[0]["changed there, ms"]) == ("40", "20")
    assert (rows[0]["alone, ms"], rows[0]["the other alone, ms"]) == ("4", "2")
    assert (rows[0]["makes it"], rows[0]["then"], rows[0]["then, M"]) == (
        "2.00x faster (1.96-2.04)",
        "200",
        "0.4",
    )
    details = table["details"][0]
    assert details[0]["words"] == "alone, the change makes it 2.0x faster (1.96-2.04)"
    assert details[1]["link"] == "#comparisons"


def test_a_block_is_told_with_what_its_change_takes_out(report_on):
    html = report_on(made.network(made.block("b1", 0.010, convert=True))).html
    table = table_of(html)
    assert table["rows"][0][6] == "18"
    assert [detail["words"] for detail in table["details"][0]][1] == (
        "its change takes out 3 layers more: b1/norm, b1/relu, b1/pointwise"
    )


def test_whoever_is_recommended_a_change_is_warned_beside_the_code(small):
    html = small.html
    behind = section_of(html).partition("The same changes in Python")[2]
    assert behind.index("whether it then is as accurate is for you to check") < behind.index("<pre>")
    assert "&#39;conv1&#39;: keras.layers.SeparableConv2D" in behind


def test_where_nothing_pays_it_says_so_and_recommends_no_code(report_on):
    section = section_of(report_on(made.network((made.convolution("conv", 0.02, convert=False),))).html)
    assert (
        "Training: nothing to change in classifier: of 1 possible change none is faster by itself." in section
    )
    assert "<pre>" not in section
    assert "new weights" not in section


def test_changes_that_do_not_pay_in_the_network_are_told_and_not_recommended(report_on):
    network = made.small_network()
    slower = replace(
        network.variants[-1], ratio=made.estimate(1.3), verdict=Verdict("slower", "beyond_noise")
    )
    report = report_on(replace(network, variants=(*network.variants[:-1], slower)))
    section = section_of(report.html)
    assert "classifier with it is 1.30x slower (1.27-1.33): do not make it." in section
    assert "<pre>" not in section
    assert "new weights" not in section
    assert [row[3] for row in table_of(report.html)["rows"]] == ["tried", "no"]


def test_a_network_without_a_trace_is_pictured_by_times_alone(report_on):
    network = made.small_network(accounted=None, by_kind={}, traced_seconds=None)
    layers = [replace(one, in_network_seconds=None, recommended_seconds=None) for one in network.layers]
    report = report_on(replace(network, layers=tuple(layers)))
    (figure,) = (figure for figure in report.figures if figure.key == "network_1_training")
    assert "no trace says what it takes in the network" in figure.how_to_read
    rows = figure.data.set_index("first")
    assert list(rows.index) == ["conv1", "stage/conv2", "grouped"]
    assert (rows.loc["conv1", "seconds"], rows.loc["conv1", "after_seconds"]) == (0.004, 0.002)
    assert pd.isna(rows.loc["grouped", "seconds"])


def test_of_training_with_adam_only_the_variants_are_shown(report_on):
    report = report_on(made.small_network(direction="training with Adam"), made.small_network())
    section = section_of(report.html)
    assert re.findall(r"<h4>(.*?)</h4>", section) == ["Training", "Training with Adam"]
    adam = section.partition("<h4>Training with Adam</h4>")[2]
    assert "<td>recommended</td>" in adam
    assert not re.search("<figure>|data-rows|<pre>", adam)
    assert not any("Adam" in sentence for sentence in report.sentences)


def test_two_networks_of_one_name_are_told_apart(report_on):
    report = report_on(made.small_network(), made.small_network(batch=1))
    assert re.findall(r"<h3>(.*?)</h3>", section_of(report.html)) == [
        "classifier (1 of 2)", "classifier (2 of 2)"
    ]  # fmt: skip
    labels = re.findall(r'aria-label="([^"]*)"', section_of(report.html))
    assert len(labels) == len(set(labels))
    ids = re.findall(r'<[a-z0-9]+ [^>]*\bid="([^"]*)"', report.html[report.html.index("<body>") :])
    assert len(ids) == len(set(ids))


def test_names_from_files_are_text_and_never_markup_or_paths(report_on, tmp_path):
    layers = (made.convolution(HOSTILE, 0.04, convert=True), made.layer(f"{HOSTILE}2", HOSTILE, 0.01))
    network = made.network(layers, name=HOSTILE, model=f"../{HOSTILE}", problems=(HOSTILE,))
    report = report_on(network)
    write_report(report, tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert {figure.key for figure in report.figures} >= {"network_1_training"}
    assert "<img" not in (tmp_path / "report" / "summary.md").read_text().replace("\\<img", "")


def test_data_and_summary_have_every_variant_and_every_layer(report_on, tmp_path):
    network = made.small_network()
    report = report_on(network, made.small_network(direction="inference"))
    write_report(report, tmp_path / "report")
    data = tmp_path / "report" / "data"
    variants = pd.read_csv(data / "networks.csv")
    assert list(variants["direction"]) == ["inference"] * 3 + ["training"] * 3
    assert variants.iloc[2][["seconds", "ratio", "converted"]].tolist() == pytest.approx(
        [0.1 / 1.35, 1 / 1.35, "conv1"]
    )
    layers = pd.read_csv(data / "network_layers.csv")
    assert list(layers["layer"][:5]) == [one.found.name for one in network.layers]
    assert layers.iloc[0]["multiplications_after"] == 400_000
    assert (data / "network_1_training.csv").exists()
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())["networks"]
    assert [one["direction"] for one in summary] == ["inference", "training"]
    assert summary[1]["variants"][0]["variant"] == AS_IT_IS
    assert {**network.as_dict(), "sentences": [], "code": ""}.keys() == summary[1].keys()


def test_a_page_on_nothing_but_a_network_says_nothing_of_comparisons(report_on):
    report = report_on(made.small_network())
    assert report.sentences[0].startswith("Training: classifier is 1.35x faster")
    assert not any("Nothing here compares" in sentence for sentence in report.sentences)


def test_a_measured_network_goes_from_its_file_to_the_page(tmp_path):
    file = made_results.save(tmp_path, made_networks.network_rows(direction="training"))
    report = build.build_report(load_results([file]), tmp_path)
    assert report.sentences[0].startswith("Training: tiny is 1.19x faster")
    assert "1 run of networks, the latest" in report.html
    assert section_of(report.html).count("it was not measured alone") == 3


def test_a_network_of_another_environment_comes_later_and_is_no_part_of_the_answer(tmp_path):
    runs = {
        "networks": (made_networks.network_rows(), {"fingerprint": "elsewhere", "cpu": "Another CPU"}),
        "here": (made_results.comparison_rows(ConvCase(), 0.002, 0.5), {}),
    }
    files = [
        made_results.save(tmp_path, rows, f"{name}.json", when=f"2026-01-0{day}T00:00:00+00:00", **facts)
        for day, (name, (rows, facts)) in enumerate(runs.items(), start=1)
    ]
    everything = load_results(files)
    report = build.build_report(everything.select_newest_environment(), tmp_path, everything)
    keys = re.findall(r'<section id="([^"]*)"', report.html)
    assert keys[:3] == ["answer", "promise", "networks"]
    assert not any("tiny" in sentence for sentence in report.sentences)
    section = section_of(report.html)
    assert (
        "Caution:</strong> measured elsewhere than the rest of this report: 2 cores of Another CPU" in section
    )
    assert "tiny is 1.19x faster" in section


def test_without_a_network_there_is_no_section_and_the_command_that_adds_it(report_on):
    report = report_on()
    assert 'id="networks"' not in report.html
    assert "pytest bench/ --model" in report.html
    assert "networks" not in report.tables
    assert "networks" not in report.summary
