"""``python -m analysis``: reads saved results and says what they mean."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from analysis.writing import write_json

if TYPE_CHECKING:
    import pandas as pd

    from analysis.environments.changes import Changes
    from analysis.results.tables import Results

#: Where pytest-benchmark saves, and where reports go.
STORAGE, REPORTS = Path(".benchmarks"), Path("reports")


_json_option = click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="write it here as JSON too"
)


_environment_option = click.option(
    "--environment",
    metavar="CONDITIONS",
    help="of the runs that meet them, such as backend=jax,onednn=off, the newest environment",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Is SeparableConv2D slower than Conv2D here? Reads what `pytest bench/ --benchmark-autosave` saved."""


@main.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write; by default a new one in reports/, which reports/latest then points to.",
)
@_environment_option
@_json_option
def report(
    files: tuple[Path, ...], output: Path | None, environment: str | None, json_file: Path | None
) -> None:
    """Write the HTML report on FILES (result files or folders; by default .benchmarks).

    Several files of one environment are replicates. Of several environments, the newest is reported.

    \b
    Examples:
      python -m analysis report
      python -m analysis report results/0001_*.json --output reports/monday
    """
    # Imported here so that --help need not wait for pandas and matplotlib.
    from analysis.cli import terminal
    from analysis.report.build import build_report
    from analysis.report.folder import point_latest, write_report

    tell = terminal.StepReporter(lambda line: click.echo(line, err=True))
    with _one_sentence():
        tell("reading results")
        everything = _load(files)
        chosen = _newest(everything, environment)
        folder = output or REPORTS / _folder_name(chosen)
        made = build_report(chosen, folder, everything, tell)
        write_report(made, folder)
        if json_file:
            write_json(json_file, dict(made.summary))
        if output is None and point_latest(folder):
            folder = REPORTS / "latest"
    for sentence in made.sentences[:3]:
        click.echo(sentence)
    click.echo(folder / "index.html")


@main.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--case", "case_id", metavar="ID", help="only this case or comparison, by its id")
@_environment_option
@_json_option
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
    from analysis.cli import terminal
    from analysis.pairs.remedies import tabulate_remedies
    from analysis.pairs.table import tabulate_pairs
    from analysis.reasons.explaining import explain_pairs as explained
    from analysis.results.files import ResultsError

    with _one_sentence():
        chosen = _newest(_load(files), environment)
        comparisons = tabulate_pairs(chosen)
        if comparisons.empty:
            raise ResultsError("nothing here compares SeparableConv2D with Conv2D in lock-step")
        if case_id is not None:
            comparisons = _only(comparisons, case_id)
        found = explained(chosen, comparisons)
        if json_file:
            write_json(json_file, found.as_dict())
    _print(terminal.format_explained(found, tabulate_remedies(chosen, comparisons)))


@main.command()
@click.argument("base")
@click.argument("new")
@click.option(
    "--results",
    "storage",
    type=click.Path(path_type=Path, file_okay=False),
    default=STORAGE,
    show_default=True,
    help="where conditions look for runs",
)
@_json_option
@click.option("--fail-on", type=click.Choice(["slower"]), help="exit with 1 where a case is slower")
def compare(base: str, new: str, storage: Path, json_file: Path | None, fail_on: str | None) -> None:
    """Say for each case whether NEW is slower or faster than BASE, or the same, or undecided.

    Each of the two is a list with commas of result files, folders, and conditions on the environment.

    \b
    Examples:
      python -m analysis compare tensorflow=2.20 tensorflow=2.21
      python -m analysis compare .benchmarks/campaign/tf220 .benchmarks/campaign/tf221 --fail-on slower
      python -m analysis compare monday.json tuesday.json,wednesday.json --json changes.json
    """
    from analysis.cli import terminal

    with _one_sentence():
        found = _compared(base, new, storage)
        if json_file:
            write_json(json_file, found.as_dict())
    _print(terminal.format_changes(found))
    if fail_on and found.counts()[fail_on]:
        sys.exit(1)


@main.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_json_option
def check(files: tuple[Path, ...], json_file: Path | None) -> None:
    """Say of each result file in FILES (by default .benchmarks) whether it can be read, and what it holds.

    Exits with 2 where one cannot.

    \b
    Examples:
      python -m analysis check
      python -m analysis check results/ --json files.json
    """
    from analysis.results.files import ResultsError, find_files
    from analysis.results.loading import load_results
    from analysis.results.selection import describe_environment

    found = []
    with _one_sentence():
        for file in find_files(files or (STORAGE,)):
            try:
                read = load_results([file])
            except ResultsError as error:
                found.append({"file": str(file), "problem": str(error)})
                continue
            found.append(
                {
                    "file": str(file),
                    "environment": describe_environment(read.environment),
                    "cases": len(read.layers),
                    "not_measured": len(read.not_measured),
                    "not_settled": int((~read.layers["settled"].astype(bool)).sum()),
                    "disturbed": int(read.layers["contaminated"].astype(bool).sum()),
                    "trainings": len(read.trainings),
                }
            )
        if json_file:
            write_json(json_file, {"files": found})
    for one in found:
        if "problem" in one:
            click.echo(f"Error: {_printable(one['problem'])}", err=True)
        else:
            facts = ", ".join(f"{name.replace('_', ' ')} {one[name]}" for name in list(one)[2:] if one[name])
            click.echo(_printable(f"{one['file']}: {one['environment']}: {facts}"))
    if any("problem" in one for one in found):
        sys.exit(2)


@main.command("claims")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_environment_option
@_json_option
def claims_(files: tuple[Path, ...], environment: str | None, json_file: Path | None) -> None:
    """Print what has been claimed in public, and whether it holds by FILES (by default .benchmarks).

    \b
    Examples:
      pytest bench/ --grid claims --benchmark-autosave && python -m analysis claims
      python -m analysis claims results/ --json claims.json
    """
    from analysis.answers.claims import judge_claims
    from analysis.cli import terminal
    from analysis.mnist.trainings import choose_trainings
    from analysis.pairs.table import tabulate_pairs

    with _one_sentence():
        chosen = _newest(_load(files), environment)
        answers = judge_claims(chosen, tabulate_pairs(chosen), choose_trainings(chosen))
        if json_file:
            write_json(json_file, {"claims": [answer.as_dict() for answer in answers]})
    _print(terminal.format_claims(answers))


@main.group()
def calibrate() -> None:
    """How right are the verdicts on this machine?

    CAMPAIGN is the folder of one.

    \b
    Examples:
      python -m bench.campaign --name same --environments a=current,b=current --grid sentinels
      python -m analysis calibrate same .benchmarks/same
      python -m analysis calibrate faults .benchmarks/same --output faults
      python -m bench.campaign --name slowed --grid sentinels \\
          --environments base=current,s0=current:BENCH_FAULTS=faults/0.json
      python -m analysis calibrate slowed .benchmarks/slowed faults
    """


_campaign_argument = click.argument("campaign", type=click.Path(path_type=Path))


@calibrate.command()
@_campaign_argument
@_json_option
def same(campaign: Path, json_file: Path | None) -> None:
    """How often equal environments are called different: every two of CAMPAIGN."""
    from analysis.cli import terminal
    from analysis.environments.calibration import compare_equal

    with _one_sentence():
        found = compare_equal(campaign)
        if json_file:
            write_json(json_file, {"comparisons": found.to_dict("records")})
    _print(terminal.format_equal(found))


@calibrate.command()
@_campaign_argument
@click.option("--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="the folder")
@click.option(
    "--parts", type=click.IntRange(1), default=10, show_default=True, help="of the cases, a file each"
)
def faults(campaign: Path, output: Path, parts: int) -> None:
    """Write slowdowns to inject: twice what CAMPAIGN, over equal environments, could have detected."""
    from analysis.environments.calibration import plan_slowdowns

    with _one_sentence():
        found = plan_slowdowns(campaign, parts)
        output.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(found):
            write_json(output / f"{number}.json", content)
    click.echo(output)


@calibrate.command()
@_campaign_argument
@click.argument("faults", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_json_option
def slowed(campaign: Path, faults: Path, json_file: Path | None) -> None:
    """How often injected slowdowns are found: FAULTS is the folder of files that CAMPAIGN was slowed by."""
    from analysis.cli import terminal
    from analysis.environments.calibration import find_slowdowns

    with _one_sentence():
        found = find_slowdowns(campaign, faults)
        if json_file:
            write_json(json_file, {"comparisons": found.to_dict("records")})
    _print(terminal.format_slowdowns(found))


def _compared(base: str, new: str, storage: Path = STORAGE) -> Changes:
    from analysis.environments.changes import compare_environments
    from analysis.results.selection import load_selected

    return compare_environments(load_selected(base, storage), load_selected(new, storage))


def _print(lines: Iterable[str]) -> None:
    """Lines of text; the word that a line begins with in colour, where it is one and this is a terminal."""
    for line in map(_printable, lines):
        word = _WORD.match(line)
        if word:
            styled = click.style(word[2], fg=_COLOURS[word[2]], bold=True)
            line = f"{word[1]}{styled}{line[word.end() :]}"
        click.echo(line)


def _printable(text: str) -> str:
    """Names of files may hold what a terminal would obey."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


_COLOURS = {
    **dict.fromkeys(("slower", "refuted", "Error"), "red"),
    **dict.fromkeys(("faster", "holds"), "green"),
    **dict.fromkeys(("undecided", "mixed", "warning", "caution"), "yellow"),
}
_WORD = re.compile(rf"( *)({'|'.join(_COLOURS)})(?=:)")


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Whatever is wrong with the input, or with writing, in one sentence and with exit code 2."""
    from analysis.results.files import ResultsError

    try:
        yield
    except (ResultsError, OSError) as error:
        click.echo(f"Error: {_printable(str(error))}", err=True)
        sys.exit(2)
    except BrokenExecutor:
        click.echo("Error: a process that draws was ended, perhaps for lack of memory", err=True)
        sys.exit(2)


def _load(files: tuple[Path, ...]) -> Results:
    from analysis.results.files import find_files
    from analysis.results.loading import load_results

    found = load_results(find_files(files or (STORAGE,)))
    for note in found.notes:
        click.echo(f"warning: {_printable(note)}", err=True)
    return found


def _newest(everything: Results, conditions: str | None) -> Results:
    """Of the runs that meet ``conditions``, those of the newest environment.

    Runs of campaigns are there to be compared, and count only where there are no others.
    """
    from analysis.results.selection import select_runs

    if conditions:
        everything = select_runs(conditions, everything)
    alone = everything.by_themselves()
    chosen = alone.of_newest_environment()
    left_out = len(alone.runs) - len(chosen.runs)
    if left_out:
        click.echo(f"{left_out} run(s) of other environments are left out.", err=True)
    return chosen


def _only(comparisons: pd.DataFrame, wanted: str) -> pd.DataFrame:
    """The comparison called ``wanted``, or that of the case called so."""
    from analysis.results.files import ResultsError

    chosen = [
        wanted in (row.pair, row.dense_case.id, row.separable_case.id) for row in comparisons.itertuples()
    ]
    if not any(chosen):
        raise ResultsError(f"no comparison here has a case {wanted!r}: their ids are in the report's tables")
    return comparisons[chosen]


def _folder_name(chosen: Results) -> str:
    newest = chosen.runs.iloc[-1]
    moment = newest["datetime"][:19].replace(":", "").replace("T", "-")
    return f"{moment}-{newest['fingerprint']}"
