"""Measures several environments in lock-step: ``python -m bench.campaign --environments tf220,tf221``.

One living process an environment, the same comparison in all of them, taking turns slice by slice, one
running at a time: drift of the machine hits all alike and does not pass for a change. A replicate means
fresh processes. Each environment ends with one ordinary result file a replicate.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from bench.campaign.environments import CampaignError, Environment, parse_environments
from bench.campaign.member import Member
from bench.campaign.progress import CampaignProgress
from bench.campaign.replicate import order_starts, run_replicate
from bench.campaign.settings import check_options, keep_settings


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.option(
    "--environments",
    metavar="A,B",
    help="[label=]name[:VARIABLE=value], with commas; a name is an environment of tox.ini, 'current' for "
    "this interpreter, or a path to another",
)
@click.option(
    "--environment",
    "environment",
    multiple=True,
    metavar="[LABEL=]NAME",
    help="one environment; may be given several times",
)
@click.option(
    "--set",
    "settings",
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
    default=600.0,
    show_default=True,
    help="seconds",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(
    environments: str | None,
    environment: tuple[str, ...],
    settings: tuple[str, ...],
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
        if case_timeout != case_timeout:
            raise CampaignError("--case-timeout must be a number of seconds, not nan")
        found = parse_environments(environments or "", environment, settings)
        options = tuple(check_options(options))
        name = name or _name([environments, *environment, *settings], found, options)
        if "/" in name or name.startswith(".") or not name.isprintable():
            raise CampaignError(f"--name {name!r} is nothing that a folder can be called")
        folder = storage / name
        keep_settings(
            folder,
            {
                "environments": {each.label: each.in_words for each in found},
                "options": list(options),
                "one_by_one": one_by_one,
            },
        )
        progress = CampaignProgress(replicates, time.monotonic, lambda line: click.echo(line, err=True))
        missing = 0
        for number in range(1, replicates + 1):
            campaign = {"id": name, "replicate": number}
            in_turn = (found[at] for at in order_starts(number - 1, len(found)))
            members = [Member(environment, folder, campaign, options) for environment in in_turn]
            members = [member for member in members if not member.result.exists()]
            missing += len(members)
            progress.replicate = number - 1
            groups = [[member] for member in members] if one_by_one else [members]
            for some in filter(None, groups):
                run_replicate(some, case_timeout, f"{name}-{number}", progress)
    except KeyboardInterrupt:
        click.echo("\nEverything finished is kept; the same command goes on.", err=True)
        sys.exit(130)
    except (CampaignError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    if not missing:
        click.echo(f"All {replicates} replicates were measured before; --replicates asks for more.", err=True)
    for each in found:
        click.echo(folder / each.label)
    base, new = (folder / environment.label for environment in (found[0], found[-1]))
    click.echo(f"Compare them: {shlex.join(['python', '-m', 'analysis', 'compare', str(base), str(new)])}")


def _name(asked: Sequence[str | None], found: Sequence[Environment], options: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps([asked, list(options)]).encode()).hexdigest()[:6]
    return f"{'-'.join(environment.label for environment in found)[:60]}-{digest}"


if __name__ == "__main__":
    main(prog_name="python -m bench.campaign")
