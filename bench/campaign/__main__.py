"""Measures several environments in lock-step: ``python -m bench.campaign --environments tf220,tf221``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from bench.campaign.campaign import Campaign, make_name, run_campaign
from bench.campaign.environments import CampaignError, parse_environments
from bench.campaign.progress import CampaignProgress
from bench.campaign.settings import check_case_timeout, check_name, check_options, keep_settings
from bench.processes.watched_process import DEFAULT_CASE_TIMEOUT


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.option(
    "--environments",
    metavar="A,B",
    help="[label=]name[:VARIABLE=value], with commas; a name is an environment of tox.ini, 'current' for "
    "this interpreter, or a path to another",
)
@click.option(
    "--environment",
    "single_environments",
    multiple=True,
    metavar="[LABEL=]NAME",
    help="one environment; may be given several times",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="LABEL:VARIABLE=VALUE",
    help="a variable of one environment, whatever its value holds; may be given several times",
)
@click.option(
    "--replicates", type=click.IntRange(1), default=3, show_default=True, help="fresh processes each"
)
@click.option(
    "--one-by-one",
    is_flag=True,
    help="each environment's process alone, one after the other: to see what lock-step gains",
)
@click.option("--name", help="of the campaign's folder; by default made of its environments and options")
@click.option(
    "--storage",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".benchmarks"),
    show_default=True,
)
@click.option(
    "--case-timeout",
    type=click.FloatRange(0, 1e9, min_open=True),
    default=DEFAULT_CASE_TIMEOUT,
    show_default=True,
    help="seconds",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(
    environments: str | None,
    single_environments: tuple[str, ...],
    assignments: tuple[str, ...],
    replicates: int,
    one_by_one: bool,
    name: str | None,
    storage: Path,
    case_timeout: float,
    options: tuple[str, ...],
) -> None:
    """Measure the same cases in several environments, in lock-step.

    Whatever else is given goes to pytest: --grid, --shapes, --directions, --benchmark-max-time and so on. The
    same command goes on where it was killed, and with more --replicates it adds to what is there.

    \b
    Examples:
      python -m bench.campaign --environments tf220,tf221 --grid mnist-layers
      python -m bench.campaign --environments 'current,off=current:TF_ENABLE_ONEDNN_OPTS=0' --replicates 5
      python -m bench.campaign --environment a=current --environment b=current \\
          --set 'b:KMP_AFFINITY=granularity=fine,compact,1,0'
    """
    try:
        check_case_timeout(case_timeout)
        found = parse_environments(environments or "", single_environments, assignments)
        passed_on = check_options(options)
        asked = [environments, *single_environments, *assignments]
        name = name or make_name(asked, found, passed_on)
        check_name(name)
        campaign = Campaign(
            name=name,
            folder=storage / name,
            environments=found,
            options=passed_on,
            replicates=replicates,
            one_by_one=one_by_one,
            case_timeout=case_timeout,
        )
        keep_settings(campaign.folder, campaign.settings)
        progress = CampaignProgress(replicates, campaign.groups, time.monotonic, _write)
        measured = run_campaign(campaign, progress)
    except KeyboardInterrupt:
        _write("\nEverything finished is kept; the same command goes on.")
        sys.exit(130)
    except (CampaignError, OSError) as error:
        _write(f"Error: {error}")
        sys.exit(2)
    _report(campaign, measured)


def _report(campaign: Campaign, measured: int) -> None:
    """Say where the results of ``campaign`` are; ``measured`` of them are new."""
    if not measured:
        _write(f"All {campaign.replicates} replicates were measured before; --replicates asks for more.")
    folders = [campaign.folder / environment.label for environment in campaign.environments]
    for folder in folders:
        click.echo(folder)
    compare = ["python", "-m", "analysis", "compare", str(folders[0]), str(folders[-1])]
    click.echo(f"Compare them: {shlex.join(compare)}")


def _write(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main(prog_name="python -m bench.campaign")
