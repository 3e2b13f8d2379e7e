"""Measures before and after an upgrade, and reports: ``python -m bench.campaign.upgrade tf220 tf221``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import click

from bench.campaign.command import (
    CONTEXT_SETTINGS,
    add_campaign_options,
    exit_with_one_sentence,
    measure_campaign,
)
from bench.campaign.environments import CampaignError, Environment, parse_environments

#: Any of these says which cases are measured.
_CHOOSING = ("--grid", "--shapes")
_DEFAULT_GRID = ["--grid", "sentinels"]


@click.command(context_settings=CONTEXT_SETTINGS)
@add_campaign_options
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="BASE NEW [PYTEST_OPTIONS]...")
def main(words: tuple[str, ...], **given: Any) -> None:
    """Measure the environments BASE and NEW in lock-step, and report on what changed.

    Each is [label=]name[:VARIABLE=value]; a name is an environment of tox.ini, 'current' for this
    interpreter, or a path to another. Whatever else is given goes to pytest. The same command goes on where
    it was killed; once all is measured, it only reports.

    \b
    Examples:
      python -m bench.campaign.upgrade tf220 tf221
      python -m bench.campaign.upgrade old=before/bin/python new=after/bin/python --shapes layers.csv
      python -m bench.campaign.upgrade current off=current:TF_ENABLE_ONEDNN_OPTS=0 --replicates 5
    """
    with exit_with_one_sentence():
        names = list(takewhile(lambda word: not word.startswith("-"), words))
        environments = _parse_base_and_new(names)
        options = _choose_cases(words[len(names) :])
        # Asked for as bench.campaign is, so that both find what the other has measured.
        campaign = measure_campaign(environments, [",".join(names)], options, **given)
        report = [sys.executable, "-m", "analysis", "report", str(campaign.folder)]
        status = subprocess.run(report).returncode
    sys.exit(status)


def _parse_base_and_new(names: Sequence[str]) -> list[Environment]:
    """The two environments. Raises :class:`CampaignError` where there are not two, or where both are one."""
    asked = ",".join(names)
    if len(names) != 2 or "," in "".join(names):
        raise CampaignError(
            "an upgrade has two environments, BASE and NEW, such as tf220 tf221, before all options; "
            f"here are {asked or 'none'}"
        )
    same = CampaignError(f"{names[0]} and {names[1]} are the same environment, so nothing can have changed")
    if names[0] == names[1]:
        raise same
    base, new = environments = parse_environments(asked)
    if (os.path.abspath(base.python), base.variables) == (os.path.abspath(new.python), new.variables):
        raise same
    return environments


def _choose_cases(options: Sequence[str]) -> list[str]:
    """``options`` for pytest, with the sentinels where they do not say what is measured."""
    is_chosen = any(option.partition("=")[0] in _CHOOSING for option in options)
    return list(options) if is_chosen else [*_DEFAULT_GRID, *options]


if __name__ == "__main__":
    main(prog_name="python -m bench.campaign.upgrade")
