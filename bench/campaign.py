"""Measures several environments in lock-step: ``python -m bench.campaign --environments tf220,tf221``.

One living process an environment, the same comparison in all of them, taking turns slice by slice, one
running at a time: drift of the machine hits all alike and does not pass for a change. A replicate means
fresh processes. Each environment ends with one ordinary result file a replicate.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench import baton
from bench.progress import EVERY_SECONDS, minutes
from bench.supervision import Child, Ending

_LOG_LINES = 15


class CampaignError(RuntimeError):
    """What keeps a campaign from going on, in one sentence."""


#: What a campaign does itself: it saves every run, once, and numbers its replicates.
_NEEDLESS = ("--benchmark-autosave", "--benchmark-quiet", "--resume")
_NOT_ALLOWED = (
    *("--benchmark-json", "--benchmark-save", "--benchmark-storage", "--shuffle-seed", "--discard"),
    *("--resume-from", "--benchmark-disable", "--in-turn", "--collect-only", "--co"),
)
#: Folders beside those of its environments.
_TAKEN = ("logs", "unfinished")
#: What a campaign was started with, beside its results.
_SETTINGS = "campaign.settings"


@dataclass(frozen=True)
class Environment:
    """An interpreter with what is installed there, and variables that are set for it."""

    label: str
    python: str
    variables: Mapping[str, str]

    @property
    def in_words(self) -> str:
        """As a shell would have it."""
        assignments = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.variables.items())]
        return " ".join([*assignments, shlex.quote(self.python)])


def parse(text: str, environments: Sequence[str] = (), settings: Sequence[str] = ()) -> list[Environment]:
    """``[label=]name[:VARIABLE=value]...``, several with commas; then those of :func:`_long`.

    A name is an environment of tox.ini, ``current`` for this interpreter, or the path of another. Raises
    :class:`CampaignError`.
    """
    short = [_short(part.strip()) for part in text.split(",") if part.strip()]
    found = [*short, *_long(environments, settings)]
    labels = [environment.label.casefold() for environment in found]
    for environment in found:
        if labels.count(environment.label.casefold()) > 1:
            twice = environment.label
            raise CampaignError(f"two environments are called {twice}: name them, as in a={twice},b={twice}")
    if len(found) < 2:
        raise CampaignError("a campaign needs at least two environments, such as tf220,tf221")
    return found


def _long(environments: Sequence[str], settings: Sequence[str]) -> list[Environment]:
    """``[label=]name`` each, and ``label:VARIABLE=value`` each, whose values may hold commas and colons."""
    variables: dict[str, dict[str, str]] = {}
    for setting in settings:
        label, colon, assignment = setting.partition(":")
        variable, equals, value = assignment.partition("=")
        if not (label and colon and variable and equals):
            raise CampaignError(f"--set {setting!r} is no LABEL:VARIABLE=value")
        variables.setdefault(label, {})[variable] = value
    found = []
    for text in environments:
        label, named, name = text.rpartition("=")
        label = label if named else Path(name).name
        found.append(_environment(text, label, name, variables.pop(label, {})))
    if variables:
        raise CampaignError(f"--set names {min(variables)!r}, and no --environment is called so")
    return found


def _short(text: str) -> Environment:
    first, *settings = text.split(":")
    label, named, name = first.rpartition("=")
    variables = {}
    for setting in settings:
        variable, equals, value = setting.partition("=")
        if not (variable and equals):
            raise CampaignError(
                f"{setting!r} in {text!r} is no VARIABLE=value; values with commas or colons go into "
                "--environment LABEL=NAME --set LABEL:VARIABLE=value"
            )
        variables[variable] = value
    return _environment(text, label if named else "-".join([Path(name).name, *settings]), name, variables)


def _environment(text: str, label: str, name: str, variables: Mapping[str, str]) -> Environment:
    if not label or not label.isprintable() or "/" in label or label.startswith(".") or len(label) > 100:
        raise CampaignError(f"{text!r} needs a label that a folder can have, as in mine={name}")
    if label in _TAKEN:
        raise CampaignError(f"no environment can be called {label}, which is a folder of the campaign's own")
    for variable, value in variables.items():
        if "\0" in variable + value:
            raise CampaignError(f"{variable} cannot be set to what it is given in {text!r}")
    return Environment(label, _python(name), variables)


def _listed(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{label}={how}" for label, how in value.items())
    return shlex.join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def allowed(options: Sequence[str]) -> list[str]:
    """What goes to pytest. Raises :class:`CampaignError` for what a campaign cannot be told."""
    for option in options:
        if option.partition("=")[0] in _NOT_ALLOWED:
            raise CampaignError(f"a campaign takes no {option.partition('=')[0]}: it sees to that itself")
    return [option for option in options if option not in _NEEDLESS]


def hold_to_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Note what the campaign in ``folder`` is; :class:`CampaignError` where it was begun as another."""
    file = folder / _SETTINGS
    if file.exists():
        try:
            begun = json.loads(file.read_text(encoding="utf-8"))
            different = [name for name in settings if begun.get(name) != settings[name]]
        except (ValueError, AttributeError, RecursionError) as error:
            raise CampaignError(f"{file} cannot be read: {error}") from None
        if different:
            said = "; ".join(
                f"{name}: {_listed(begun.get(name))} then, {_listed(settings[name])} now"
                for name in different
            )
            raise CampaignError(
                f"{folder} is another campaign ({said}): give this one another --name, or repeat that one"
            )
        return
    there = sorted(path.name for path in folder.glob("*") if path.is_dir() and path.name not in _TAKEN)
    strange = [label for label in there if label not in settings["environments"]]
    if strange:
        raise CampaignError(f"{folder} holds other environments ({', '.join(strange)}): give another --name")
    folder.mkdir(parents=True, exist_ok=True)
    made = file.with_suffix(".new")
    made.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    os.replace(made, file)


def _python(name: str) -> str:
    if name == "current":
        return sys.executable
    if "/" in name:
        if not os.access(name, os.X_OK):
            raise CampaignError(f"there is no interpreter {name}")
        return name
    python = Path(".tox", name, "bin", "python")
    if not python.exists():
        click.echo(f"installing {name}, once", err=True)
        tox = [sys.executable, "-m", "tox", "run", "-q", "-e", name, "--notest"]
        done = subprocess.run(tox, capture_output=True, text=True)
        if done.returncode or not python.exists():
            said = (done.stderr or done.stdout).strip().splitlines() or ["tox said nothing"]
            raise CampaignError(f"cannot install {name} with tox: {said[-1]}")
    return str(python.absolute())


class Member:
    """One environment's process in a replicate, and the result file that it will leave."""

    def __init__(
        self, environment: Environment, folder: Path, campaign: Mapping[str, Any], options: Sequence[str]
    ):
        self.replicate: int = campaign["replicate"]
        self.label = environment.label
        self.result = folder / self.label / f"{self.replicate:04}.json"
        self.log = folder / "logs" / f"{self.label}-{self.replicate:04}.log"
        self._made = self.result.with_suffix(".unfinished")
        storage = folder / "unfinished" / f"{self.label}-{self.replicate:04}"
        self._command = [
            # What claims set against each other takes no turns: one process after the other measures it.
            *(environment.python, "-m", "pytest", "bench/bench_layers.py", "bench/bench_claims.py"),
            *("--benchmark-quiet",),
            *("-p", "no:cacheprovider", "--resume", f"--benchmark-storage=file://{storage.absolute()}"),
            *(f"--benchmark-json={self._made.absolute()}", f"--shuffle-seed={self.replicate}", *options),
        ]
        described = json.dumps({**campaign, "label": self.label})
        self._variables = {**environment.variables, baton.VARIABLE: described}
        self._child: Child | None = None
        #: Where it waits for the others: (place, count) of a comparison; none before and after.
        self.place: tuple[int, int] | None = None
        #: Whether its budget for this comparison is spent.
        self.enough = False
        self.ending: Ending | None = None

    def start(self, case_timeout: float) -> None:
        """Start the process, and let it run to the first comparison."""
        self.result.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = Child(
                self._command, case_timeout, self._variables,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        if self._understood(self._child.receive()) == "start":
            self.go_on()

    def go_on(self, **answer: Any) -> str:
        """Give it the baton until it passes it on; what it then waits for: arrive, turn, or nothing."""
        self._child.send(**answer)
        return self._understood(self._child.receive())

    def kill(self) -> None:
        if self._child:
            self._child.kill()

    def _understood(self, message: dict[str, Any] | Ending) -> str:
        self.place, self.enough = None, False
        if isinstance(message, Ending):
            self.ending = message
            if message.status in (0, 1) and self._made.exists() and self._made.stat().st_size:
                os.replace(self._made, self.result)
            return ""
        if "arrive" in message:
            self.place = (message["arrive"], message["count"])
            return "arrive"
        self.enough = message.get("turn", False)
        return "turn" if "turn" in message else "start"


def replicate(
    members: Sequence[Member], case_timeout: float, name: str, tell: Callable[[int, int], None]
) -> None:
    """Measure every comparison in all ``members``, started in their order; ``tell`` is given the place and
    the count.

    Raises :class:`CampaignError` where a process ended without a result.
    """
    started: list[Member] = []
    try:
        for member in members:
            started.append(member)
            member.start(case_timeout)
            _must_go_on(member)
        rounds = 0
        while any(member.place for member in members):
            place, count = min(member.place for member in members if member.place)
            tell(place, count)
            group = [member for member in members if member.place and member.place[0] == place]
            # Who leads differs from comparison to comparison.
            _together(group if rounds % 2 == 0 else group[::-1], f"{name}-{place}-{time.time_ns():x}")
            for member in group:
                _must_go_on(member)
                while not member.place and not member.result.exists():
                    # It died, and its journal knows of what; it arrives where it was, or dies again.
                    member.start(case_timeout)
                    _must_go_on(member)
            rounds += 1
    finally:
        for member in started:
            member.kill()


def _together(group: Sequence[Member], name: str) -> None:
    """One comparison in lock-step; who dies leaves, the others go on."""
    playing = [member for member in group if member.go_on(together=name) == "turn"]
    turns = 0
    while not all(member.enough for member in playing):
        gone = [playing[at] for at in order(turns, len(playing)) if playing[at].go_on(another=True) != "turn"]
        playing = [member for member in playing if member not in gone]
        turns += 1
    for member in playing:
        member.go_on(another=False)


def starts(replicate: int, count: int) -> list[int]:
    """In what order a replicate (0, 1, ...) starts its processes, and they go round: one way, then the other,
    and first is another every time. Of two or three, all orders come alike often.

    Measured: the process that came first seemed 0.6, 0.9, 0.4 and 0.7 % slower than the median of eleven, in
    four campaigns; why is not known. In the first two it was the same environment in every replicate, and now
    and then another was called faster than it; where it is another every time, none was.
    """
    return _circle(-replicate, replicate, count)


def order(turn: int, count: int) -> list[int]:
    """Who comes after whom in a turn of ``count`` processes: from three on, one way, then the other, led by
    each in turn.

    Nobody ever follows itself, or it would find its own data in the caches: measured, whoever stood at
    the end of a simple alternation of eleven seemed 1 to 4 % faster than the others.
    """
    # Two can only alternate, and who leads stays the same.
    return _circle(-(turn // 2) if count > 2 else 0, turn, count)


def _circle(lead: int, turn: int, count: int) -> list[int]:
    """All of ``count`` from ``lead`` on: forwards in even turns, else backwards."""
    step = 1 if turn % 2 == 0 else -1
    return [(lead + step * place) % count for place in range(count)]


def _must_go_on(member: Member) -> None:
    """It waits, it has left its result, or it will be started again."""
    if member.place or member.result.exists() or (member.ending and member.ending.can_go_on):
        return
    said = member.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise CampaignError(
        f"{member.label} ended without a result; the end of {member.log}:\n"
        + "\n".join(f"  {line}" for line in said[-_LOG_LINES:])
    )


class Progress:
    """Says now and then how far the whole campaign is."""

    def __init__(self, replicates: int, clock: Callable[[], float], write: Callable[[str], None]) -> None:
        self._replicates, self._clock, self._write = replicates, clock, write
        self._start = self._last = clock()
        self._done = 0
        self.replicate = 0

    def __call__(self, place: int, count: int) -> None:
        now = self._clock()
        if now - self._last >= EVERY_SECONDS and self._done:
            self._last = now
            left = count - place + count * (self._replicates - self.replicate - 1)
            each = (now - self._start) / self._done
            self._write(
                f"  replicate {self.replicate + 1} of {self._replicates}: {place} of {count} comparisons, "
                f"{minutes(now - self._start)} gone, about {minutes(left * each)} left"
            )
        self._done += 1


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
        found = parse(environments or "", environment, settings)
        options = tuple(allowed(options))
        name = name or _name([environments, *environment, *settings], found, options)
        if "/" in name or name.startswith(".") or not name.isprintable():
            raise CampaignError(f"--name {name!r} is nothing that a folder can be called")
        folder = storage / name
        hold_to_settings(
            folder,
            {
                "environments": {each.label: each.in_words for each in found},
                "options": list(options),
                "one_by_one": one_by_one,
            },
        )
        progress = Progress(replicates, time.monotonic, lambda line: click.echo(line, err=True))
        missing = 0
        for number in range(1, replicates + 1):
            campaign = {"id": name, "replicate": number}
            in_turn = (found[at] for at in starts(number - 1, len(found)))
            members = [Member(environment, folder, campaign, options) for environment in in_turn]
            members = [member for member in members if not member.result.exists()]
            missing += len(members)
            progress.replicate = number - 1
            groups = [[member] for member in members] if one_by_one else [members]
            for some in filter(None, groups):
                replicate(some, case_timeout, f"{name}-{number}", progress)
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
