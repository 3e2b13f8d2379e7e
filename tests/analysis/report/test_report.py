import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.report.build import build_report
from analysis.results.loading import load_results
from analysis.writing import LIST
from bench.contract.cases import ConvCase
from tests.analysis import made_results

HOSTILE = '</script><img src=x onerror=alert(1)>$x^2$ & "quoted"'


@pytest.fixture
def files(tmp_path):
    rows = [*made_results.grid_rows(lambda case: 2.0 / case.in_channels), *made_results.ceilings()]
    return made_results.save(tmp_path, rows)


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


def test_latest_points_to_the_newest_report(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        result = run("report", files)
        assert result.stdout.splitlines()[-1] == "reports/latest/index.html"
    assert (tmp_path / "reports" / "latest").is_symlink()
    assert (tmp_path / "reports" / "latest" / "index.html").exists()
    assert len(list((tmp_path / "reports").iterdir())) == 2  # one report, one link: nothing is left behind


def test_a_report_into_an_existing_folder_keeps_what_else_is_there(files, tmp_path):
    folder = tmp_path / "report"
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "kept.json").write_text("{}")
    run("report", files, "--output", folder)
    assert (folder / "results" / "kept.json").exists()
    assert (folder / "index.html").exists()


def test_figures_and_data_of_an_earlier_report_do_not_stay_and_anything_else_does(files, tmp_path):
    folder = tmp_path / "report"
    run("report", files, "--output", folder)
    (folder / "figures" / "photo.png").write_text("mine")
    (folder / "data" / "survey.csv").write_text("mine")
    (folder / "data" / "promise.csv").write_text("changed by hand")
    assert (folder / "figures" / "plane.svg").exists()
    smaller = tmp_path / "smaller"
    smaller.mkdir()
    made_results.save(smaller, made_results.comparison_rows(ConvCase(), 0.002, 0.5))
    result = run("report", smaller, "--output", folder)
    assert result.exit_code == 2
    assert "promise.csv was not written by a report, or was changed since" in result.output
    (folder / "data" / "promise.csv").unlink()
    assert run("report", smaller, "--output", folder).exit_code == 0
    assert not (folder / "figures" / "plane.svg").exists()
    assert (folder / "figures" / "photo.png").exists()
    assert (folder / "data" / "survey.csv").read_text() == "mine"


def test_measurements_in_the_folder_that_a_report_goes_to_are_never_lost(files, tmp_path, monkeypatch):
    """As when the working folder of a project is given, whose own ``data`` holds the results."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    shutil.copy(files, project / "data")
    kept = {file: file.read_bytes() for file in project.rglob("*.json")}
    monkeypatch.chdir(project)
    for _ in range(2):
        assert run("report", "data", "--output", ".").exit_code == 0
    assert {file: file.read_bytes() for file in kept} == kept
    # And the folder still reads as results, though a report's JSON lies in it now.
    assert run("check", ".").exit_code == 0
    taken = project / "other" / "index.html"
    taken.parent.mkdir()
    taken.write_text("mine")
    result = run("report", "data", "--output", "other")
    assert result.exit_code == 2
    assert taken.read_text() == "mine"
    assert [path.name for path in taken.parent.iterdir()] == ["index.html"]


def test_a_report_of_before_there_were_lists_is_replaced(files, tmp_path):
    folder = tmp_path / "report"
    run("report", files, "--output", folder)
    (folder / LIST).unlink()
    assert run("report", files, "--output", folder).exit_code == 0


@pytest.mark.parametrize(
    "listed", ["{", "[]", '{"../kept.txt": ["0"]}', '{"/etc/passwd": ["0"]}', '{"a": 1}']
)
def test_a_damaged_list_lets_nothing_be_removed(files, tmp_path, listed):
    folder = tmp_path / "report"
    folder.mkdir()
    (tmp_path / "kept.txt").write_text("mine")
    (folder / LIST).write_text(listed)
    assert run("report", files, "--output", folder).exit_code == 0
    assert (tmp_path / "kept.txt").read_text() == "mine"


def test_json_never_replaces_measurements(files):
    before = files.read_bytes()
    result = run("check", files, "--json", files)
    assert result.exit_code == 2
    assert "holds measurements" in result.output
    assert files.read_bytes() == before


def test_a_folder_called_latest_is_not_replaced(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports" / "latest").mkdir(parents=True)
    result = run("report", files)
    assert result.exit_code == 2
    assert "is no link" in result.output
    assert not [path for path in (tmp_path / "reports").iterdir() if path.name.startswith(".")]


def test_a_failure_leaves_the_old_report_untouched(files, tmp_path, monkeypatch):
    folder = tmp_path / "report"
    run("report", files, "--output", folder)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    def full_disk(path, mode="r", *arguments, **options):
        if "index.html" in path.name and mode == "wb":
            raise OSError(28, "No space left on device")
        return original(path, mode, *arguments, **options)

    original = Path.open
    monkeypatch.setattr(Path, "open", full_disk)
    result = run("report", files, "--output", folder)
    assert result.exit_code == 2
    assert "No space left" in result.output
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


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


def test_an_output_that_is_a_file_is_refused(files, tmp_path):
    (tmp_path / "taken").write_text("")
    assert run("report", files, "--output", tmp_path / "taken").exit_code == 2


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
    assert "1 run(s) of other environments are left out" in result.output


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


def test_beside_the_page_lie_figures_data_and_a_summary(files, tmp_path):
    folder = tmp_path / "report"
    summary = tmp_path / "summary.out"
    assert run("report", files, "--output", folder, "--json", summary).exit_code == 0
    names = {file.stem for file in (folder / "figures").iterdir()}
    assert {file.name for file in (folder / "figures").iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("svg", "png")
    }
    for table in (folder / "data").glob("*.csv"):
        assert len(pd.read_parquet(table.with_suffix(".parquet"))) == len(pd.read_csv(table))
    content = json.loads((folder / "summary.json").read_text())
    assert content == json.loads(summary.read_text())
    assert sum(content["verdicts"].values()) == len(content["comparisons"]) == 18
    text = (folder / "summary.md").read_text()
    assert text.startswith("# Is SeparableConv2D slower than Conv2D here?")
    assert "The 10 slowest of 18 comparisons." in text
    assert text.count("| `") == 10


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


def test_where_there_are_no_links_the_report_is_written_all_the_same(files, tmp_path, monkeypatch):
    def no_links(*arguments, **options):
        raise OSError(1, "Operation not permitted")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "symlink_to", no_links)
    result = run("report", files)
    assert result.exit_code == 0, result.output
    assert (tmp_path / result.output.splitlines()[-1]).exists()
