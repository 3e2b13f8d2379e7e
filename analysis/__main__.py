"""``python -m analysis``: reads saved results and says what they mean."""

from __future__ import annotations

import sys
from pathlib import Path

import click

#: Where pytest-benchmark saves, and where reports go.
STORAGE, REPORTS = Path(".benchmarks"), Path("reports")


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
def report(files: tuple[Path, ...], output: Path | None) -> None:
    """Write the HTML report on FILES (result files or folders; by default .benchmarks).

    Several files of one environment are replicates. Of several environments, the newest is reported.

    \b
    Examples:
      python -m analysis report
      python -m analysis report results/0001_*.json --output reports/monday
    """
    # Imported here so that --help need not wait for pandas and matplotlib.
    from analysis import results
    from analysis.report import build

    try:
        everything = results.load(results.find(files or (STORAGE,)))
        chosen = everything.of_newest_environment()
        left_out = len(everything.runs) - len(chosen.runs)
        if left_out:
            click.echo(f"{left_out} run(s) of other environments are left out.", err=True)
        made = build.build(chosen)
        folder = output or REPORTS / _folder_name(chosen)
        build.write(made, folder)
        if output is None:
            build.point_latest(folder)
            folder = REPORTS / "latest"
    except (results.ResultsError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    for sentence in made.sentences[:3]:
        click.echo(sentence)
    click.echo(folder / "index.html")


def _folder_name(chosen) -> str:
    newest = chosen.runs.iloc[-1]
    moment = newest["datetime"][:19].replace(":", "").replace("T", "-")
    return f"{moment}-{newest['fingerprint']}"


if __name__ == "__main__":
    main(prog_name="python -m analysis")
