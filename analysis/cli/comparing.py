"""Commands about several environments: ``compare`` and ``calibrate``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from analysis.cli.options import STORAGE, exit_with_one_sentence, json_option
from analysis.cli.printing import print_lines
from analysis.writing import check_target, write_json, write_text


@click.command()
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
@json_option
@click.option(
    "--markdown",
    "markdown_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="write it here as a comment for a pull request too",
)
@click.option("--fail-on", type=click.Choice(["slower"]), help="exit with 1 where a case is slower")
def compare(
    base: str,
    new: str,
    storage: Path,
    json_file: Path | None,
    markdown_file: Path | None,
    fail_on: str | None,
) -> None:
    """Say for each case whether NEW is slower or faster than BASE, or the same, or undecided.

    Each of the two is a list with commas of result files, folders, and conditions on the environment.

    \b
    Examples:
      python -m analysis compare tensorflow=2.20 tensorflow=2.21
      python -m analysis compare .benchmarks/campaign/tf220 .benchmarks/campaign/tf221 --fail-on slower
      python -m analysis compare monday.json tuesday.json,wednesday.json --json changes.json
      python -m analysis compare results/base results/new --markdown comment.md
    """
    from analysis.cli.comment import write_comment
    from analysis.cli.terminal import format_changes
    from analysis.environments.changes import compare_environments
    from analysis.results.files import ResultsError
    from analysis.results.selection import load_selected

    with exit_with_one_sentence():
        if json_file and json_file == markdown_file:
            raise ResultsError(f"--json and --markdown cannot both write {json_file}")
        changes = compare_environments(load_selected(base, storage), load_selected(new, storage))
        # Before anything is written, so that neither is where the other cannot be.
        for file, option in ((json_file, "--json"), (markdown_file, "--markdown")):
            if file:
                check_target(file, option)
        if json_file:
            write_json(json_file, changes.as_dict())
        if markdown_file:
            write_text(markdown_file, write_comment(changes), "--markdown")
    print_lines(format_changes(changes))
    if fail_on and changes.count_verdicts()[fail_on]:
        sys.exit(1)


@click.group()
def calibrate() -> None:
    """How right are the verdicts on this machine?

    CAMPAIGN is the folder of one, or the file that it was packed into.

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
@json_option
def same(campaign: Path, json_file: Path | None) -> None:
    """How often equal environments are called different: every two of CAMPAIGN."""
    from analysis.cli.terminal import format_equal
    from analysis.environments.calibration import compare_equal

    with exit_with_one_sentence():
        table = compare_equal(campaign)
        if json_file:
            write_json(json_file, {"comparisons": table.to_dict("records")})
    print_lines(format_equal(table))


@calibrate.command()
@_campaign_argument
@click.option("--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="the folder")
@click.option(
    "--parts", type=click.IntRange(1), default=10, show_default=True, help="of the cases, a file each"
)
def faults(campaign: Path, output: Path, parts: int) -> None:
    """Write slowdowns to inject: twice what CAMPAIGN, over equal environments, could have detected."""
    from analysis.environments.calibration import plan_slowdowns

    with exit_with_one_sentence():
        planned = plan_slowdowns(campaign, parts)
        output.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(planned):
            write_json(output / f"{number}.json", content)
    click.echo(output)


@calibrate.command()
@_campaign_argument
@click.argument("faults", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def slowed(campaign: Path, faults: Path, json_file: Path | None) -> None:
    """How often injected slowdowns are found: FAULTS is the folder of files that CAMPAIGN was slowed by."""
    from analysis.cli.terminal import format_slowdowns
    from analysis.environments.calibration import find_slowdowns

    with exit_with_one_sentence():
        table = find_slowdowns(campaign, faults)
        if json_file:
            write_json(json_file, {"comparisons": table.to_dict("records")})
    print_lines(format_slowdowns(table))
