"""Commands about result files themselves: ``check`` and ``pack``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from analysis.cli.options import STORAGE, exit_with_one_sentence, files_argument, json_option
from analysis.writing import write_json, write_new_file
from bench.contract.printable import make_printable


@click.command()
@files_argument
@json_option
def check(files: tuple[Path, ...], json_file: Path | None) -> None:
    """Say of each result file in FILES (by default .benchmarks) whether it can be read, and what it holds.

    Exits with 2 where one cannot.

    \b
    Examples:
      python -m analysis check
      python -m analysis check results/ --json files.json
    """
    from analysis.results.checking import check_files
    from analysis.results.files import find_files

    with exit_with_one_sentence():
        found = check_files(find_files(files or (STORAGE,)))
        if json_file:
            write_json(json_file, {"files": [facts.as_dict() for facts in found]})
    for facts in found:
        if facts.problem:
            click.echo(f"Error: {make_printable(facts.problem)}", err=True)
        else:
            click.echo(make_printable(facts.sentence))
    if any(facts.problem for facts in found):
        sys.exit(2)


@click.command()
@files_argument
@click.option(
    "--output",
    required=True,
    metavar="FILE.jsonl.gz",
    type=click.Path(path_type=Path, dir_okay=False),
    help="the file to write, which must not exist",
)
def pack(files: tuple[Path, ...], output: Path) -> None:
    """Pack the runs in FILES (by default .benchmarks) into one small file, which all commands read.

    What no command reads is left out (every single round, above all); FILES stay as they are.

    \b
    Examples:
      python -m analysis pack .benchmarks/upgrade --output upgrade.jsonl.gz
      python -m analysis calibrate same upgrade.jsonl.gz
    """
    from analysis.results.files import SEVERAL_RUNS, ResultsError, find_files
    from analysis.results.loading import read_saved_runs
    from analysis.results.packing import pack_runs

    with exit_with_one_sentence():
        if not output.name.endswith(SEVERAL_RUNS):
            raise ResultsError(f"{output} must end in {SEVERAL_RUNS}, by which it is known again")
        runs = read_saved_runs(find_files(files or (STORAGE,)))
        write_new_file(output, pack_runs(runs))
    click.echo(f"{output}: {len({run.identity for run in runs})} runs")
