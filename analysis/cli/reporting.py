"""Commands that say what was measured means: ``report``, ``explain``, ``claims``.

What they need is imported inside them, so that ``--help`` need not wait for pandas and matplotlib.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from analysis.cli.options import (
    REPORTS,
    STORAGE,
    environment_option,
    exit_with_one_sentence,
    files_argument,
    json_option,
)
from analysis.cli.printing import StepReporter, print_lines
from analysis.writing import write_json
from bench.contract.printable import make_printable

if TYPE_CHECKING:
    from analysis.results.tables import Results


@click.command()
@files_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write; by default a new one in reports/, which reports/latest then points to.",
)
@environment_option
@click.option(
    "--against",
    metavar="CONDITIONS",
    help="say what changed since the runs that meet them, such as tensorflow=2.20, or since those in a file "
    "or folder; by default since the environment before",
)
@json_option
def report(
    files: tuple[Path, ...],
    output: Path | None,
    environment: str | None,
    against: str | None,
    json_file: Path | None,
) -> None:
    """Write the HTML report on FILES (result files or folders; by default .benchmarks).

    Several files of one environment are replicates. Of several environments, the newest is reported, and
    what changed since the one before.

    \b
    Examples:
      python -m analysis report
      python -m analysis report results/0001_*.json --output reports/monday
      python -m analysis report --against tensorflow=2.20
    """
    from analysis.cli.selecting import choose_newest, load_runs
    from analysis.report.build import build_report
    from analysis.report.folder import point_latest, write_report
    from analysis.results.files import ResultsError
    from analysis.results.selection import load_selected

    tell = StepReporter(lambda line: click.echo(line, err=True))
    with exit_with_one_sentence():
        tell("reading results")
        everything = load_runs(files)
        chosen = choose_newest(everything, environment)
        base = load_selected(against, *(files or (STORAGE,))) if against else None
        if base and base.newest_run.fingerprint == chosen.newest_run.fingerprint:
            raise ResultsError(f"--against {against} names the environment that is reported: name another")
        folder = output or REPORTS / _name_folder(chosen)
        made = build_report(chosen, folder, everything, tell, base)
        write_report(made, folder)
        if json_file:
            write_json(json_file, dict(made.summary))
        if output is None and point_latest(folder):
            folder = REPORTS / "latest"
    changes = made.summary.get("changes", {})
    if "problem" in changes:
        click.echo(f"warning: {make_printable(changes['problem'])}", err=True)
    for sentence in dict.fromkeys((*made.sentences[:3], *changes.get("answer", ()))):
        click.echo(sentence)
    click.echo(folder / "index.html")


@click.command()
@files_argument
@click.option("--case", "case_id", metavar="ID", help="only this case or comparison, by its id")
@environment_option
@json_option
def explain(
    files: tuple[Path, ...], case_id: str | None, environment: str | None, json_file: Path | None
) -> None:
    """Say why each traced comparison in FILES (by default .benchmarks) has the ratio that it has.

    The ratio as a product of factors, each layer's step by operation, and findings with their evidence.

    \b
    Examples:
      python -m analysis explain --case train-8x32x32x64-f64-k3
      python -m analysis explain results/0001_*.json --json why.json
    """
    from analysis.cli.selecting import choose_comparison, choose_newest, load_runs
    from analysis.cli.terminal import format_explained
    from analysis.pairs.remedies import tabulate_remedies
    from analysis.pairs.table import tabulate_pairs
    from analysis.reasons.explaining import explain_pairs
    from analysis.results.files import ResultsError

    with exit_with_one_sentence():
        chosen = choose_newest(load_runs(files), environment)
        comparisons = tabulate_pairs(chosen)
        if comparisons.empty:
            raise ResultsError("nothing here compares SeparableConv2D with Conv2D in lock-step")
        if case_id is not None:
            comparisons = choose_comparison(comparisons, case_id)
        explained = explain_pairs(chosen, comparisons)
        if json_file:
            write_json(json_file, explained.as_dict())
    print_lines(format_explained(explained, tabulate_remedies(chosen, comparisons)))


@click.command()
@files_argument
@environment_option
@json_option
def claims(files: tuple[Path, ...], environment: str | None, json_file: Path | None) -> None:
    """Print what has been claimed in public, and whether it holds by FILES (by default .benchmarks).

    \b
    Examples:
      pytest bench/ --grid claims --benchmark-autosave && python -m analysis claims
      python -m analysis claims results/ --json claims.json
    """
    from analysis.answers.claims import judge_claims
    from analysis.cli.selecting import choose_newest, load_runs
    from analysis.cli.terminal import format_claims
    from analysis.mnist.trainings import keep_judged_trainings
    from analysis.pairs.table import tabulate_pairs

    with exit_with_one_sentence():
        chosen = choose_newest(load_runs(files), environment)
        answers = judge_claims(chosen, tabulate_pairs(chosen), keep_judged_trainings(chosen))
        if json_file:
            write_json(json_file, {"claims": [answer.as_dict() for answer in answers]})
    print_lines(format_claims(answers))


def _name_folder(chosen: Results) -> str:
    newest = chosen.newest_run
    moment = newest.datetime[:19].replace(":", "").replace("T", "-")
    return f"{moment}-{newest.fingerprint}"
