"""Every command and option that a page prints exists, and every one that exists is explained."""

import re
import shlex

import click
import pytest

from analysis.cli.main import main as analysis_command
from bench.campaign.__main__ import main as campaign_command
from bench.plan import grids
from bench.plan.shape_files import COLUMNS
from tests.documentation.commands import (
    OPTION,
    check_command,
    find_commands,
    list_options,
    list_own_options,
    list_pytest_options,
    list_tox_environments,
)
from tests.documentation.pages import GUIDES, PAGES, PROJECT, README, find_codes, name, read

#: What has changed names commands that are no more, so only guides are looked at.
PRINTED = [(name(page), shlex.join(command)) for page in GUIDES for command in find_commands(page)]
USING, COMPARING = PROJECT / "docs/using.md", PROJECT / "docs/comparing.md"


@pytest.mark.parametrize(("page", "command"), PRINTED)
def test_every_command_that_a_page_prints_exists_with_its_options(page, command):
    check_command(shlex.split(command))


@pytest.mark.parametrize(
    "wrong",
    [
        "pytest bench/ --grids default",
        "pytest bench/ --grid defaults",
        "pytest bench/bench_nothing.py",
        "pytest bench/bench_mnist.py --models convs",
        "pytest-benchmark compare --groups-by=param:direction",
        "tox run -e precision",
        "tox run -e study -- --shape layers.csv",
        "tox run -e tf220 -- --shape layers.csv",
        "tox run -e example -- results",
        "python -m analysis rapport",
        "python -m analysis report --folder here",
        "python -m bench.campaign --environments tf199,tf221",
        "python -m bench.campaign --environments tf220,tf221 --grid sentinel",
        "python -m bench.campaign --environments a=current,b=current --replica 3",
        "python -m bench.campaign.upgrade tf220 tf199",
        "python -m bench.campaign.upgrade tf220 tf221 --grids smoke",
        "python -m bench.nothing",
        "python -m tests.fuzzing --hours 1",
        'pip install -e ".[benches]"',
    ],
)
def test_a_command_that_does_not_exist_is_noticed(wrong):
    with pytest.raises((AssertionError, click.ClickException)):
        check_command(shlex.split(wrong))


def test_commands_are_found_where_they_stand():
    printed = set(PRINTED)
    assert {
        ("README.md", "tox run -e study"),
        ("README.md", "python -m pip install tox"),
        ("CONTRIBUTING.md", "tox run -e lint"),
        ("docs/using.md", "TF_ENABLE_ONEDNN_OPTS=0 pytest bench/ --benchmark-autosave"),
        (
            "docs/continuous-integration.md",
            "python -m analysis report ../results/merge-request --output ../results/report",
        ),
    } <= printed
    assert ["tox", "run", "-e", "test"] in find_commands(README)


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_every_option_that_a_page_names_exists(page):
    known = list_pytest_options() | list_options(analysis_command) | list_options(campaign_command)
    known |= set(OPTION.findall(read(PROJECT / "bench/timing/lockstep_study.py")))
    named = {option for code in find_codes(page) for option in OPTION.findall(code)}
    assert named - known == set()


def test_every_option_of_measuring_is_explained():
    own = list_own_options()
    assert "--grid" in own
    assert [option for option in own if option not in read(USING)] == []


def test_every_option_of_campaigns_is_explained():
    assert [option for option in list_options(campaign_command) if option not in read(COMPARING)] == []


def test_every_command_of_the_analysis_is_explained():
    text = "\n".join(read(page) for page in PAGES)
    for command in set(analysis_command.commands):
        assert re.search(rf"(?:python -m analysis|separable-conv-bench) {command}\b", text), command


def test_every_grid_is_explained():
    assert [grid for grid in grids.NAMES if f"| `{grid}` |" not in read(USING)] == []


def test_every_environment_of_tox_is_explained():
    released = {environment for environment in list_tox_environments() if environment.startswith("tf2")}
    assert f"`{min(released)}` to `{max(released)}`" in read(USING)
    for environment in list_tox_environments() - released:
        assert re.search(rf"`(?:tox run -e )?{environment}\b", read(USING)), environment


def test_every_column_of_a_shapes_file_is_explained():
    assert [column for column in COLUMNS if not re.search(rf"\b{column}\b", read(USING))] == []
