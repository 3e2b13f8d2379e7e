import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.report.build import build_report
from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results

HOSTILE = '</script><img src=x onerror=alert(1)>$x^2$ & "quoted"'


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.ids, self.images = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids.add(attributes.get("id"))
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)


def test_the_report_is_one_page_that_asks_nobody_for_anything(files, tmp_path):
    folder = tmp_path / "report"
    assert run("report", files, "--output", folder).exit_code == 0
    text = (folder / "index.html").read_text()
    page = Page(text)
    assert "default-src 'none'" in text
    assert not {"link", "iframe"} & set(page.tags)
    # One script runs, the one that the policy names; the others are data.
    (script,) = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert set(re.findall(r"<script([^>]*)>", text.replace(script, ""))) == {
        ' type="module"', ' type="application/json" id="rows-comparisons"'
    }  # fmt: skip
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.images)


def test_every_figure_has_a_text_alternative_and_its_data_beside_it(files, tmp_path):
    folder = tmp_path / "report"
    run("report", files, "--output", folder)
    page = Page((folder / "index.html").read_text())
    assert len(page.images) == 4
    assert all(len(image["alt"]) > 40 for image in page.images)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert (folder / link).stat().st_size > 100
    for image in (folder / "figures").iterdir():
        assert image.with_suffix(".csv").name in {file.name for file in (folder / "data").iterdir()}


def test_names_from_files_are_text_and_never_markup(tmp_path):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5, name=HOSTILE)
    file = made_results.save(tmp_path, rows, host=HOSTILE)
    result = run("report", file, "--output", tmp_path / "report")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "report" / "index.html").read_text()
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_the_same_results_give_the_same_page(files, tmp_path):
    for name in ("one", "two"):
        run("report", files, "--output", tmp_path / name)
    one, two = ((tmp_path / name / "index.html").read_bytes() for name in ("one", "two"))
    assert one == two


def test_the_command_ends_with_three_sentences_and_the_path(files, tmp_path):
    # On a slow machine progress is told, too, but not there.
    lines = run("report", files, "--output", tmp_path / "report").stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("SeparableConv2D is slower than Conv2D in")
    assert Path(lines[-1]) == tmp_path / "report" / "index.html"


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "cut off"), ("{}", "not written by pytest-benchmark"), (None, "measure first")],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(tmp_path, content, words):
    file = tmp_path / "bad.json"
    if content is not None:
        file.write_text(content)
    result = run("report", file, "--output", tmp_path / "report")
    assert result.exit_code == 2
    assert words in result.output
    assert len(result.output.splitlines()) == 1
    assert not (tmp_path / "report").exists()


def test_results_without_a_comparison_still_make_a_report(tmp_path):
    file = made_results.save(tmp_path, [made_results.layer_row(ConvCase(), 0.002)])
    result = run("report", file, "--output", tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert "Nothing here compares" in result.output


def test_other_environments_are_left_out_and_said_so(tmp_path):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5)
    made_results.save(tmp_path, rows, "a.json", when="2026-01-01T00:00:00+00:00", fingerprint="old")
    made_results.save(tmp_path, rows, "b.json", when="2026-01-02T00:00:00+00:00", fingerprint="new")
    result = run("report", tmp_path / "a.json", tmp_path / "b.json", "--output", tmp_path / "report")
    assert "1 run(s) are of other environments" in result.output


def test_cases_that_could_not_run_are_listed_with_their_reason(tmp_path):
    file = made_results.save(tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    content = json.loads(file.read_text())
    content["not_measured"] = [{"case": ConvCase(dtype="float16").as_dict(), "reason": "no <b>kernel</b>"}]
    file.write_text(json.dumps(content))
    run("report", file, "--output", tmp_path / "report")
    assert "no &lt;b&gt;kernel&lt;/b&gt;" in (tmp_path / "report" / "index.html").read_text()


def test_named_shapes_get_a_figure(tmp_path):
    cases = [ConvCase(in_channels=channels) for channels in (8, 16)]
    rows = [
        r for c in cases for r in made_results.comparison_rows(c, 0.002, 0.5, name=f"block ${c.in_channels}")
    ]
    report = build_report(load_results([made_results.save(tmp_path, rows)]), tmp_path)
    assert "named_shapes" in {figure.key for figure in report.figures}


def test_too_many_named_shapes_get_no_figure(tmp_path):
    rows = []
    for channels in range(1, 62):
        rows += made_results.comparison_rows(ConvCase(in_channels=channels), 0.002, 0.5, name=f"n{channels}")
    report = build_report(load_results([made_results.save(tmp_path, rows)]), tmp_path)
    assert "named_shapes" not in {figure.key for figure in report.figures}
    assert "named_shapes" not in report.tables
    assert 'id="named_shapes"' not in report.html


def test_help_loads_neither_tables_nor_figures_nor_a_framework():
    script = (
        "import sys; from click.testing import CliRunner; from analysis.__main__ import main;"
        "print(CliRunner().invoke(main, ['report', '--help']).exit_code);"
        "print(sorted({'pandas', 'matplotlib', 'scipy', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["0", "[]"]


def test_a_report_is_built_without_a_framework(files, tmp_path):
    script = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None;"
        "from analysis.__main__ import main; main()"
    )
    command = [sys.executable, "-c", script, "report", str(files), "--output", str(tmp_path / "report")]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_a_summary_holds_no_markup_from_files(tmp_path):
    file = made_results.save(
        tmp_path, made_results.comparison_rows(ConvCase(), 0.002, 0.5), fingerprint="x", cpu=HOSTILE
    )
    run("report", file, "--output", tmp_path / "report")
    text = (tmp_path / "report/summary.md").read_text()
    assert "<img" not in text.replace("\\<img", "")


def test_check_says_of_each_file_what_it_holds_or_what_is_wrong(files, tmp_path):
    good = run("check", files)
    assert good.exit_code == 0
    assert "cases 36" in good.output
    (tmp_path / "bad.json").write_text("{")
    both = run("check", tmp_path, "--json", tmp_path / "found.out")
    assert both.exit_code == 2
    assert "cases 36" in both.output
    assert "cut off" in both.output
    found = json.loads((tmp_path / "found.out").read_text())["files"]
    assert sorted("problem" in one for one in found) == [False, True]


def test_what_was_not_measured_is_listed_by_whose_fault_it_is(tmp_path):
    content = made_results.content(made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    reasons = {
        1: ("tensorflow disagrees with NumPy: the output differs", "disagrees"),
        2: ("ValueError: `strides > 1` not supported", "unsupported"),
        3: ("killed the process 2 times (SIGKILL)", "died"),
    }
    for keeps_kind in (True, False):
        content["not_measured"] = [
            {
                "case": ConvCase(batch=batch).as_dict(),
                "reason": reason,
                **({"kind": kind} if keeps_kind else {}),
            }
            for batch, (reason, kind) in reasons.items()
        ]
        file = tmp_path / "one.json"
        file.write_text(json.dumps(content))
        page = build_report(load_results([file]), tmp_path).html
        section = page[page.index('id="not-measured"') : page.index('id="method"')]
        refused, disagrees, died = (
            section.index(words)
            for words in ("the framework refuses", "computes something else", "ended the process")
        )
        assert (
            refused
            < section.index("strides &gt; 1")
            < disagrees
            < section.index("disagrees with NumPy")
            < died
        )


def test_a_traced_layer_without_ceilings_is_not_advised_to_be_traced(tmp_path):
    rows = made_results.comparison_rows(ConvCase(), 0.002, 0.5)
    folder = tmp_path / "traces" / "one"
    folder.mkdir(parents=True)
    (tmp_path / "results").mkdir()
    for row in rows:
        row["extra_info"]["trace"] = "traces/one"
    page = build_report(load_results([made_results.save(tmp_path / "results", rows)]), tmp_path).html
    table = re.search(r'id="rows-comparisons">(.*?)</script>', page, re.DOTALL)[1]
    assert "trace it with" not in table
    assert "measure just this again with" in table
