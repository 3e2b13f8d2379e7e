"""Measures several environments in lock-step: ``python -m bench.campaign --environments tf220,tf221``."""

from __future__ import annotations

import shlex
from typing import Any

import click

from bench.campaign.campaign import Campaign
from bench.campaign.command import (
    CONTEXT_SETTINGS,
    add_campaign_options,
    exit_with_one_sentence,
    measure_campaign,
)
from bench.campaign.environments import parse_environments


@click.command(context_settings=CONTEXT_SETTINGS)
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
    "--one-by-one",
    is_flag=True,
    help="each environment's process alone, one after the other: to see what lock-step gains",
)
@add_campaign_options
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(
    environments: str | None,
    single_environments: tuple[str, ...],
    assignments: tuple[str, ...],
    options: tuple[str, ...],
    **given: Any,
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
    with exit_with_one_sentence():
        found = parse_environments(environments or "", single_environments, assignments)
        asked = [environments, *single_environments, *assignments]
        campaign = measure_campaign(found, asked, options, **given)
    _name_results(campaign)


def _name_results(campaign: Campaign) -> None:
    """Say where the results of ``campaign`` are, and how to compare them."""
    folders = [campaign.folder / environment.label for environment in campaign.environments]
    for folder in folders:
        click.echo(folder)
    compare = ["python", "-m", "analysis", "compare", str(folders[0]), str(folders[-1])]
    click.echo(f"Compare them: {shlex.join(compare)}")


if __name__ == "__main__":
    main(prog_name="python -m bench.campaign")
