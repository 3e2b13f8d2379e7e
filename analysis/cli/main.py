"""The commands of ``python -m analysis``, in the order in which ``--help`` lists them."""

from __future__ import annotations

import click

from analysis.cli.comparing import calibrate, compare
from analysis.cli.network import network
from analysis.cli.reporting import claims, explain, report
from analysis.cli.storing import check, pack


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Is SeparableConv2D slower than Conv2D here? Reads what `pytest bench/ --benchmark-autosave` saved."""


for command in (report, explain, network, compare, check, pack, claims, calibrate):
    main.add_command(command)
