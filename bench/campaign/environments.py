"""The environments of a campaign: interpreters, and variables that are set for them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click


class CampaignError(RuntimeError):
    """What keeps a campaign from going on, in one sentence."""


#: A campaign's own folders, beside those of its environments.
TAKEN_LABELS = ("logs", "unfinished")
#: What tox begins with where it refuses a command.
_TOX_REFUSES = "HandledError| "


@dataclass(frozen=True)
class Environment:
    """An interpreter with the packages that it has, and variables that are set for it."""

    label: str
    python: str
    variables: Mapping[str, str]
    #: Whether it is one of tox.ini, which tox may have to install.
    is_of_tox: bool = False

    @property
    def in_words(self) -> str:
        """As it would be written in a shell: the variables, then the interpreter."""
        assignments = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.variables.items())]
        return " ".join([*assignments, shlex.quote(self.python)])


def parse_environments(
    text: str, environments: Sequence[str] = (), assignments: Sequence[str] = ()
) -> list[Environment]:
    """The environments of a campaign, two at least. Raises :class:`CampaignError`.

    ``text`` names several with commas, each as ``[label=]name[:VARIABLE=value]...``. Each of ``environments``
    is ``[label=]name``, and each of ``assignments`` is ``label:VARIABLE=value`` for one of those.

    A name is an environment of tox.ini, ``current`` for this interpreter, or the path of another. Nothing is
    installed yet: see :func:`install_environments`.
    """
    found = [_parse_short(part.strip()) for part in text.split(",") if part.strip()]
    found += _parse_long(environments, assignments)
    labels = [environment.label.casefold() for environment in found]
    for environment in found:
        if labels.count(environment.label.casefold()) > 1:
            twice = environment.label
            raise CampaignError(f"two environments are called {twice}: give each a label, as in a=NAME")
    if len(found) < 2:
        raise CampaignError("a campaign needs at least two environments, such as tf220,tf221")
    return found


def _parse_long(environments: Sequence[str], assignments: Sequence[str]) -> list[Environment]:
    """The form in options of their own, where values may hold commas and colons."""
    variables: dict[str, dict[str, str]] = {}
    for assignment in assignments:
        label, colon, setting = assignment.partition(":")
        variable, equals, value = setting.partition("=")
        if not (label and colon and variable and equals):
            raise CampaignError(f"--set {assignment!r} is no LABEL:VARIABLE=value")
        variables.setdefault(label, {})[variable] = value
    found = []
    for text in environments:
        label, named, name = text.rpartition("=")
        label = label if named else Path(name).name
        found.append(_create_environment(text, label, name, variables.pop(label, {})))
    if variables:
        raise CampaignError(f"--set names {min(variables)!r}, and no --environment is called so")
    return found


def _parse_short(text: str) -> Environment:
    """``[label=]name[:VARIABLE=value]...``; without a label, the rest is one."""
    first, *settings = text.split(":")
    label, named, name = first.rpartition("=")
    variables = {}
    for setting in settings:
        variable, equals, value = setting.partition("=")
        if not (variable and equals):
            raise CampaignError(
                f"{setting!r} in {text!r} is no VARIABLE=value; python -m bench.campaign takes values with "
                "commas or colons as --environment LABEL=NAME --set LABEL:VARIABLE=value"
            )
        variables[variable] = value
    if not named:
        label = "-".join([Path(name).name, *settings])
    return _create_environment(text, label, name, variables)


def _create_environment(text: str, label: str, name: str, variables: Mapping[str, str]) -> Environment:
    """An environment whose label and variables make sense; ``text`` is what it was asked for with."""
    if not label or not label.isprintable() or "/" in label or label.startswith(".") or len(label) > 100:
        raise CampaignError(f"{text!r} needs a label that a folder can have, as in mine={name}")
    if label in TAKEN_LABELS:
        raise CampaignError(f"no environment can be called {label}, which is a folder of the campaign's own")
    if not name:
        raise CampaignError(f"{text!r} names no environment")
    for variable, value in variables.items():
        if "\0" in variable + value:
            raise CampaignError(f"{variable} cannot be set to what it is given in {text!r}")
    if name == "current":
        return Environment(label, sys.executable, variables)
    if "/" not in name:
        python = Path(".tox", name, "bin", "python").absolute()
        return Environment(label, str(python), variables, is_of_tox=True)
    if not os.access(name, os.X_OK):
        raise CampaignError(f"there is no interpreter {name}")
    return Environment(label, name, variables)


def install_environments(environments: Sequence[Environment]) -> None:
    """Let tox install those of its environments that are not there yet. Raises :class:`CampaignError`."""
    wanted = {Path(environment.python) for environment in environments if environment.is_of_tox}
    missing = sorted(python for python in wanted if not _is_installed(python))
    if not missing:
        return
    names = ",".join(python.parents[1].name for python in missing)
    click.echo(f"installing {names}, once", err=True)
    tox = [sys.executable, "-m", "tox", "run", "-q", "-e", names, "--notest"]
    done = subprocess.run(tox, capture_output=True, text=True)
    if done.returncode or not all(python.exists() for python in missing):
        raise CampaignError(f"cannot install {names} with tox: {_find_reason(done.stderr or done.stdout)}")


def _find_reason(output: str) -> str:
    """Why an installation failed: what tox itself refuses has a line for each name; pip says it last."""
    _, is_of_tox, refused = click.unstyle(output).rpartition(_TOX_REFUSES)
    lines = refused.strip().splitlines() or ["it said nothing"]
    return " ".join(lines) if is_of_tox else lines[-1]


def _is_installed(python: Path) -> bool:
    """Whether tox has put everything there. It notes so only then, while an interpreter is there earlier."""
    try:
        noted = (python.parents[1] / ".tox-info.json").read_text(encoding="utf-8")
    except OSError:
        return False
    return '"PythonRun"' in noted and python.exists()
