"""What the commands of this room share: their options, how they measure, and how they end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bench.campaign.campaign import Campaign, make_name, run_campaign
from bench.campaign.environments import CampaignError, Environment, install_environments
from bench.campaign.progress import CampaignProgress
from bench.campaign.settings import check_case_timeout, check_name, check_options, keep_settings
from bench.processes.watched_process import DEFAULT_CASE_TIMEOUT

#: What these commands do not know goes to pytest.
CONTEXT_SETTINGS = {"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}
_OPTIONS = (
    click.option(
        "--replicates", type=click.IntRange(1), default=3, show_default=True, help="fresh processes each"
    ),
    click.option("--name", help="of the campaign's folder; by default made of its environments and options"),
    click.option(
        "--storage",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(".benchmarks"),
        show_default=True,
    ),
    click.option(
        "--case-timeout",
        type=click.FloatRange(0, 1e9, min_open=True),
        default=DEFAULT_CASE_TIMEOUT,
        show_default=True,
        help="seconds",
    ),
)


def add_campaign_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the options that :func:`measure_campaign` takes by their names."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def exit_with_one_sentence() -> Iterator[None]:
    """Say in one sentence what keeps a campaign from going on, and exit with 2; after Ctrl-C with 130."""
    try:
        yield
    except KeyboardInterrupt:
        _write("\nEverything finished is kept; the same command goes on.")
        sys.exit(130)
    except (CampaignError, OSError) as error:
        _write(f"Error: {error}")
        sys.exit(2)


def measure_campaign(
    environments: Sequence[Environment],
    asked: Sequence[str | None],
    options: Sequence[str],
    *,
    name: str | None,
    storage: Path,
    replicates: int,
    case_timeout: float,
    one_by_one: bool = False,
) -> Campaign:
    """Measure what is not there yet of a campaign, and return it.

    Without a ``name`` it is named after what was ``asked`` for. ``options`` go to pytest; ``case_timeout`` is
    in seconds. Raises :class:`CampaignError`.
    """
    check_case_timeout(case_timeout)
    passed_on = check_options(options)
    name = name or make_name(asked, environments, passed_on)
    check_name(name)
    install_environments(environments)
    campaign = Campaign(
        name=name,
        folder=storage / name,
        environments=environments,
        options=passed_on,
        replicates=replicates,
        one_by_one=one_by_one,
        case_timeout=case_timeout,
    )
    keep_settings(campaign.folder, campaign.settings)
    progress = CampaignProgress(replicates, campaign.groups, time.monotonic, _write)
    if not run_campaign(campaign, progress):
        _write(f"All {replicates} replicates were measured before; --replicates asks for more.")
    return campaign


def _write(line: str) -> None:
    click.echo(line, err=True)
