"""What several commands share: options, and one sentence for whatever is wrong with the input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path

import click

from bench.contract.printable import make_printable

#: Where pytest-benchmark saves, and where reports go.
STORAGE, REPORTS = Path(".benchmarks"), Path("reports")

files_argument = click.argument("files", nargs=-1, type=click.Path(path_type=Path))
json_option = click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="write it here as JSON too"
)
environment_option = click.option(
    "--environment",
    metavar="CONDITIONS",
    help="of the runs that meet them, such as backend=jax,onednn=off, the newest environment",
)


@contextmanager
def exit_with_one_sentence() -> Iterator[None]:
    """Say in one sentence what is wrong with the input, or with writing, and exit with 2."""
    # Imported here so that --help need not wait for pandas.
    from analysis.results.files import ResultsError

    try:
        yield
    except (ResultsError, OSError) as error:
        click.echo(f"Error: {make_printable(str(error))}", err=True)
        sys.exit(2)
    except BrokenExecutor:
        click.echo("Error: a process that draws was ended, perhaps for lack of memory", err=True)
        sys.exit(2)
