"""Does a printed command exist, with its options? Nothing is run to find out."""

import configparser
import itertools
import re
import shlex
import subprocess
import sys
from functools import cache

import click
from pytest_benchmark.cli import make_parser

from analysis.cli.main import main as analysis_command
from bench.campaign.__main__ import main as campaign_command
from bench.campaign.environments import parse_environments
from bench.campaign.upgrade import main as upgrade_command
from bench.mnist.models import MODELS
from bench.plan import grids
from tests.documentation.pages import PROJECT, find_blocks, find_codes, read

OPTION = re.compile(r"--[a-z][a-z-]*")
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
#: Inline code that begins so is meant to be run, and is no mere name.
_RUN = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:pytest(?:-benchmark)? |tox run|pip install|python -m|separable-conv-bench )"
)
#: The lines of a workflow that run this project's own commands.
_OWN = re.compile(r"^\s*(?:- )?(python -m (?:bench|analysis)\b.*)$", re.MULTILINE)
#: Programs of others.
_UNCHECKED = ("tensorboard", "eval")


def find_commands(page):
    """Every command that a page prints, as words."""
    lines = "\n".join(find_blocks(page, "sh")).replace("\\\n", " ").splitlines()
    lines += [code for code in find_codes(page) if _RUN.match(code)]
    lines += _OWN.findall("\n".join(find_blocks(page, "yaml")).replace("\\\n", " "))
    commands = [shlex.split(part, comments=True) for line in lines for part in line.split(" && ")]
    return [command for command in commands if command]


def check_command(words):
    """Raises ``AssertionError`` or ``click.ClickException`` where there is no such command."""
    while _ASSIGNMENT.match(words[0]):
        words = words[1:]
    program, arguments = words[0], words[1:]
    if program not in _UNCHECKED:
        _CHECKS[program](arguments)


def list_options(command):
    """The long options of a click command, or of all commands of a group."""
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    if isinstance(command, click.Group):
        for one in command.commands.values():
            options |= list_options(one)
    return options


@cache
def _read_pytest_help():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "bench/", "--help"], cwd=PROJECT, capture_output=True, text=True
    )
    assert "could not load initial conftests" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


def list_pytest_options():
    """What ``pytest bench/`` knows."""
    return set(OPTION.findall(_read_pytest_help()))


def list_own_options():
    """Of these, the options of this suite."""
    own = re.search(r"^convolution cases:\n(.*?)\n\n", _read_pytest_help(), re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"^  (--[a-z-]+)", own, re.MULTILINE)


@cache
def _read_tox():
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(PROJECT / "tox.ini")
    return settings


def list_tox_environments():
    names = [section.removeprefix("testenv:") for section in _read_tox() if section.startswith("testenv:")]
    return {environment for name in names for environment in _expand_braces(name)}


def list_tox_commands(environment, given=()):
    """What tox runs in an environment, as words; ``given`` is what follows ``--``."""
    sections = [
        section for section in _read_tox() if environment in _expand_braces(section.partition(":")[2])
    ]
    lines = _read_tox()[sections[0]]["commands"].strip().splitlines()
    return [shlex.split(line.removeprefix("- ").replace("{posargs}", shlex.join(given))) for line in lines]


def _expand_braces(text):
    """``gpu{,-jax}`` -> ``gpu``, ``gpu-jax``, as tox does."""
    parts = re.split(r"\{([^}]*)\}", text)
    choices = [part.split(",") if place % 2 else [part] for place, part in enumerate(parts)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def _pair_options(words):
    """Each long option with what follows it, which may be its value."""
    pairs = []
    for place, word in enumerate(words):
        if word.startswith("--") and word != "--":
            option, equals, value = word.partition("=")
            following = words[place + 1] if place + 1 < len(words) else ""
            pairs.append((option, value if equals else following))
    return pairs


def _check_pytest(words):
    for option, value in _pair_options(words):
        assert option in list_pytest_options(), option
        if option == "--grid":
            assert value in grids.NAMES, value
        if option == "--models":
            assert set(value.split(",")) <= set(MODELS), value
    for word in words:
        if word.startswith(("bench/", "tests/")):
            assert (PROJECT / word.partition("::")[0]).exists(), word


def _check_analysis(words, command=analysis_command):
    """Only the words: files that a page names are not there."""
    if isinstance(command, click.Group):
        assert words[0] in command.commands, words[0]
        _check_analysis(words[1:], command.commands[words[0]])
    else:
        command.make_parser(click.Context(command)).parse_args(list(words))


def _check_campaign(words):
    given = campaign_command.make_context("bench.campaign", list(words)).params
    _check_environments(given["environments"] or "", given["single_environments"], given["assignments"])
    _check_pytest(given["options"])


def _check_upgrade(words):
    given = upgrade_command.make_context("bench.campaign.upgrade", list(words)).params["words"]
    names = list(itertools.takewhile(lambda word: not word.startswith("-"), given))
    _check_environments(",".join(names))
    _check_pytest(given[len(names) :])


def _check_environments(short, long=(), assignments=()):
    for environment in [*short.split(","), *long]:
        interpreter = environment.partition(":")[0].rpartition("=")[2]
        known = {"", "current", *list_tox_environments()}
        assert interpreter in known or interpreter.endswith("/bin/python"), interpreter
    # The interpreters that a page names are not there.
    parse_environments(re.sub(r"[\w./-]+/bin/python", "current", short), long, assignments)


def _check_pytest_benchmark(words):
    try:
        make_parser().parse_args(words)
    except SystemExit as status:
        raise AssertionError(words) from status


def _check_pip(words):
    settings = read(PROJECT / "pyproject.toml")
    extras = re.search(r"^\[project.optional-dependencies\]\n(.*?)^\[", settings, re.MULTILINE | re.DOTALL)[1]
    known = re.findall(r"^([\w-]+) = ", extras, re.MULTILINE)
    assert words[0] == "install"
    for word in words[1:]:
        for extra in re.findall(r"[\w-]+", word.partition("[")[2]):
            assert extra in known, extra


def _check_tox(words):
    run, option, environment, *rest = words
    assert (run, option) == ("run", "-e")
    assert environment in list_tox_environments(), environment
    if rest:
        assert rest[0] == "--"
        anyway = list_tox_commands(environment)
        inside = [words for words in list_tox_commands(environment, rest[1:]) if words not in anyway]
        assert inside, f"{environment} takes nothing"
        check_command(inside[0])


def _check_module(module, words):
    file = PROJECT / f"{module.replace('.', '/')}.py"
    assert file.exists(), module
    for option, _ in _pair_options(words):
        assert f'"{option}"' in read(file), option


def _check_python(words):
    assert words[0] == "-m", words
    module, arguments = words[1], words[2:]
    if module in _MODULES:
        _MODULES[module](arguments)
    else:
        _check_module(module, arguments)


_MODULES = {
    "pip": _check_pip,
    "analysis": _check_analysis,
    "bench.campaign": _check_campaign,
    "bench.campaign.upgrade": _check_upgrade,
}
_CHECKS = {
    "pytest": _check_pytest,
    "pytest-benchmark": _check_pytest_benchmark,
    "tox": _check_tox,
    "pip": _check_pip,
    "python": _check_python,
    "separable-conv-bench": _check_analysis,
}
