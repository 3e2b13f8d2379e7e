"""A section is a module, a template and a line in a list: what becomes of one that is added."""

import pkgutil
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from jinja2 import ChoiceLoader, DictLoader

from analysis.report import build, page, sections
from analysis.report.figure import ReportFigure
from analysis.report.folder import write_report
from analysis.report.section import Section
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results

TEMPLATE = """{% from "figures.j2" import show_figure %}
<p>{{ content.words }}</p>
{% for figure in section.figures %}{{ show_figure(figure) }}{% endfor %}
"""
RAIN = pd.DataFrame({"day": ["Monday", "Tuesday"], "millimetres": [0.5, 2.0]})


def draw_rain(rain):
    figure, axis = plt.subplots(figsize=(2, 2))
    axis.plot(rain["millimetres"])
    return figure


def build_weather(study, renderer):
    figure = ReportFigure(
        key="rain",
        title="Rain",
        how_to_read="Higher is wetter.",
        says="It rained on both days.",
        rendered=renderer.render(draw_rain, RAIN),
        data=RAIN.assign(is_wet=True),
    )
    return Section(
        key="weather",
        title="The weather",
        template="weather.html.j2",
        content={"words": f"It rained <b>during</b> {len(study.comparisons)} comparison."},
        sentences=("It rained while this was measured.",),
        figures=(figure,),
        tables={"weather": RAIN},
        added_by="pytest bench/bench_weather.py",
    )


def build_no_weather(study, renderer):
    return Section(
        key="weather",
        title="The weather",
        template="weather.html.j2",
        added_by="pytest bench/bench_weather.py",
        is_there=False,
    )


@pytest.fixture
def report_with(tmp_path, monkeypatch):
    """Writes a report with a section that a module builds, and gives its page and its folder."""

    def write(module):
        build_others = build.build_sections
        templates = DictLoader({"sections/weather.html.j2": TEMPLATE})
        monkeypatch.setattr(page, "LOADER", ChoiceLoader([page.LOADER, templates]))
        monkeypatch.setattr(
            build,
            "build_sections",
            lambda study, renderer: [
                *build_others(study, renderer),
                module.build_section(study, renderer),
            ],
        )
        file = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
        folder = tmp_path / "report"
        write_report(build.build_report(load_results([file]), folder), folder)
        return (folder / "index.html").read_text(), folder

    return write


def test_a_section_that_is_added_is_on_the_page_and_in_the_contents(report_with):
    html, _ = report_with(SimpleNamespace(build_section=build_weather))
    contents = html[html.index("<nav") : html.index("</nav>")]
    assert '<li><a href="#weather">The weather</a></li>' in contents
    assert "The weather (<code>" not in contents
    section = html[html.index('<section id="weather" aria-labelledby="weather-title">') :]
    assert '<h2 id="weather-title">The weather</h2>' in section
    # What a section holds is text, whatever it is.
    assert "It rained &lt;b&gt;during&lt;/b&gt; 1 comparison." in section
    assert 'alt="Rain. Higher is wetter. It rained on both days."' in section


def test_a_section_that_is_added_has_its_sentence_in_the_answer(report_with):
    html, folder = report_with(SimpleNamespace(build_section=build_weather))
    answer = html[html.index('id="answer"') : html.index("<nav")]
    assert "<li>It rained while this was measured.</li>" in answer
    assert "It rained while this was measured." in (folder / "summary.md").read_text()


def test_tables_and_figures_of_a_section_that_is_added_lie_beside_the_page(report_with):
    _, folder = report_with(SimpleNamespace(build_section=build_weather))
    assert pd.read_csv(folder / "data" / "weather.csv").equals(RAIN)
    assert list(pd.read_csv(folder / "data" / "rain.csv")) == ["day", "millimetres", "is_wet"]
    assert (folder / "figures" / "rain.svg").read_bytes().startswith(b"<?xml")
    assert (folder / "figures" / "rain.png").exists()


def test_a_section_that_is_not_there_names_the_command_that_adds_it(report_with):
    html, folder = report_with(SimpleNamespace(build_section=build_no_weather))
    lacking = re.search(r"Not here yet: (.*?)</p>", html)[1]
    assert "The weather (<code>pytest bench/bench_weather.py</code>)" in lacking
    assert "#weather" not in html
    assert 'id="weather"' not in html
    assert not (folder / "data" / "weather.csv").exists()


def test_every_module_of_a_section_is_imported_where_the_list_is():
    names = {module.name for module in pkgutil.iter_modules(sections.__path__)}
    assert len(names) > 10
    assert names <= set(vars(build))


def test_sections_without_data_are_left_out_and_the_others_stand_in_order(tmp_path):
    file = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    html = build.build_report(load_results([file]), tmp_path).html
    assert re.findall(r'<section id="([^"]*)"', html) == [
        "answer",
        "promise",
        "claims",
        "comparisons",
        "method",
        "environment",
    ]
    assert re.findall(r"[,:] ([\w ]+) \(<code>", html[html.index("Not here yet") :]) == [
        "Your network",
        "Why",
        "What to do",
        "What changed",
        "MNIST",
        "Frameworks",
    ]


def test_no_two_elements_of_the_page_share_an_id(tmp_path):
    rows = [*made_results.grid_rows(lambda case: 2.0 / case.in_channels), *made_results.ceilings()]
    html = build.build_report(load_results([made_results.save(tmp_path, rows)]), tmp_path).html
    ids = re.findall(r'<[a-z0-9]+ [^>]*\bid="([^"]*)"', html[html.index("<body>") :])
    assert len(ids) > 10
    assert len(ids) == len(set(ids))


def test_a_network_is_told_before_the_answer_to_the_general_question():
    made = [
        Section(key="answer", title="", template="", sentences=("is it", "border")),
        Section(key="networks", title="", template="", sentences=("yours", "its training")),
    ]
    assert build.order_sentences(made) == ["yours", "is it", "border", "its training"]


def test_the_first_three_sentences_are_the_first_of_answer_why_and_remedies():
    made = [
        Section(key="answer", title="", template="", sentences=("is it", "border")),
        Section(key="releases", title="", template="", sentences=("upgrade",)),
        Section(key="why", title="", template="", sentences=("why", "rarer")),
        Section(key="remedies", title="", template="", sentences=("do this",)),
        Section(key="mnist", title="", template=""),
    ]
    assert build.order_sentences(made) == ["is it", "why", "do this", "border", "upgrade", "rarer"]
