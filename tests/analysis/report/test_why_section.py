"""Where the time of slow kernels goes, on the page and on the terminal."""

import re

import matplotlib.pyplot as plt
import pytest

from analysis.answers.reasons import write_sum
from analysis.cli.terminal import format_explained
from analysis.figures.explanations import draw_kernel_sums
from analysis.figures.style import apply_style
from analysis.pairs.remedies import tabulate_remedies
from analysis.pairs.table import tabulate_pairs
from analysis.reasons.causes.parts import CAUSES, select_tested
from analysis.report import build, study
from analysis.report.folder import write_report
from analysis.results.loading import load_results
from tests.analysis.reasons import made_sums
from tests.analysis.reasons.test_explaining import traced


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return load_results([traced(tmp_path_factory.mktemp("why"))])


def write_report_on(results, tested, folder):
    """The report with made sums of these kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "explain_pairs", lambda *_: made_sums.explain(results, tested))
        write_report(build.build_report(results, folder), folder)
    return folder


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    return write_report_on(results, made_sums.TESTED, tmp_path_factory.mktemp("report"))


@pytest.fixture
def kernels(results):
    (one,) = made_sums.explain(results).pairs
    return select_tested(one.operations)


def find_rows(page):
    """The cells of the folded table, as text."""
    table = re.search(r'<table class="sums">.*?</table>', page, re.DOTALL)[0]
    rows = [
        re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
    ]
    return [[" ".join(re.sub("<.*?>", " ", cell).split()) for cell in row] for row in rows]


def test_the_folded_table_has_a_row_a_tested_kernel_and_a_column_a_claimed_cause(results, tmp_path):
    threads_only = {("separable_conv2d", "depthwise", "forward"): {"threads": 0.25}}
    page = (write_report_on(results, threads_only, tmp_path) / "index.html").read_text()
    assert find_rows(page) == [
        ["kernel", "ms", "least", "threads", "left"],
        ["SeparableConv2D: depthwise forward", "0.3", "0.06", "0.06 (0.048 to 0.066)", "0.18 (0.09 to 0.27)"],
    ]


def test_a_cause_that_a_kernel_does_not_have_leaves_its_cell_empty(folder):
    header, *rows = find_rows((folder / "index.html").read_text())
    assert len(header) == 3 + len(CAUSES) + 1
    (without,) = [row for row in rows if row[0] == "SeparableConv2D: pointwise forward"]
    assert without[3:-1] == [""] * len(CAUSES)


def test_the_picture_of_kernels_has_its_numbers_as_its_text_alternative(folder, kernels):
    page = (folder / "index.html").read_text()
    (told,) = re.findall(r'alt="(Where slow kernels&#39; time goes.*?)"', page)
    for row in kernels.to_dict("records"):
        assert write_sum(row) in told
    assert (folder / "figures/why_01_kernels.svg").exists()


def test_the_page_tells_how_many_controls_would_have_been_claimed(folder):
    page = (folder / "index.html").read_text()
    assert "Of 24 controls, in which nothing was changed, 1 would have been claimed." in page


def test_where_no_kernel_was_tested_there_is_neither_picture_nor_table(results, tmp_path):
    folder = write_report_on(results, {}, tmp_path)
    page = (folder / "index.html").read_text()
    assert "Where each slow kernel" not in page
    assert "Where slow kernels" not in page
    assert not (folder / "figures/why_01_kernels.svg").exists()


def test_the_bars_of_a_kernel_add_up_to_its_time(kernels):
    with apply_style():
        figure = draw_kernel_sums(kernels)
    (axis,) = figure.axes
    for place, seconds in enumerate(kernels["seconds"]):
        bars = [container[place] for container in axis.containers]
        assert sum(bar.get_width() for bar in bars) == pytest.approx(1e3 * seconds)
        # Each begins where the one before it ends.
        ends = [bar.get_x() + bar.get_width() for bar in bars]
        assert [bar.get_x() for bar in bars[1:]] == pytest.approx(ends[:-1])
    plt.close(figure)


def test_the_legend_names_what_is_there_once_and_all_text_can_be_read(kernels):
    with apply_style():
        figure = draw_kernel_sums(kernels[kernels["layer"] == "conv2d"])
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [
        "least time",
        "fixed cost of a call",
        "no kernel of this kind comes nearer",
        "left, without a known cause",
    ]
    texts = [*legend.get_texts(), *figure.axes[0].get_xticklabels(), *figure.axes[0].texts]
    assert {"Conv2D", "dense weight gradient", "0.6 ms"} <= {text.get_text() for text in texts}
    assert min(text.get_fontsize() for text in texts) >= 8
    plt.close(figure)


def test_the_terminal_tells_a_tested_kernels_sum_below_it(results, kernels):
    found = made_sums.explain(results)
    lines = list(format_explained(found, tabulate_remedies(results, tabulate_pairs(results))))
    for row in kernels.to_dict("records"):
        (place,) = [number for number, line in enumerate(lines) if line.strip() == write_sum(row)] or [None]
        assert f"{row['operation']} {row['role'].replace('_', ' ')}" in lines[place - 1]
    assert "Of 24 controls, in which nothing was changed, 1 would have been claimed." in lines
