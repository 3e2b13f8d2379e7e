"""What a campaign may be told, and what it was started with."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.campaign.environments import TAKEN_LABELS, CampaignError
from bench.contract.writing import replace_file

#: What a campaign does anyway: it saves every run, and goes on.
_NEEDLESS = ("--benchmark-autosave", "--benchmark-quiet", "--resume")
#: What it does in its own way: it saves every run once, and numbers its replicates.
_NOT_ALLOWED = (
    "--benchmark-json",
    "--benchmark-save",
    "--benchmark-storage",
    "--shuffle-seed",
    "--discard",
    "--resume-from",
    "--benchmark-disable",
    "--in-turn",
    "--collect-only",
    "--co",
)
#: The file that says what a campaign was started with, beside its results.
_SETTINGS = "campaign.settings"


def check_case_timeout(seconds: float) -> None:
    """Raise :class:`CampaignError` where ``seconds`` is no number."""
    if math.isnan(seconds):
        raise CampaignError("--case-timeout must be a number of seconds, not nan")


def check_name(name: str) -> None:
    """Raise :class:`CampaignError` where no folder can have this name."""
    if "/" in name or name.startswith(".") or not name.isprintable():
        raise CampaignError(f"--name {name!r} is nothing that a folder can be called")


def check_options(options: Sequence[str]) -> list[str]:
    """Those of ``options`` that go to pytest. Raises :class:`CampaignError` for one that is not allowed."""
    for option in options:
        name = option.partition("=")[0]
        if name in _NOT_ALLOWED:
            raise CampaignError(f"a campaign takes no {name}: it sees to that itself")
        if name == "--model":
            raise CampaignError("a campaign measures layers: pytest bench/ --model measures a network")
    return [option for option in options if option not in _NEEDLESS]


def keep_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write down what the campaign in ``folder`` is. Raises :class:`CampaignError` where it is another."""
    file = folder / _SETTINGS
    if file.exists():
        _refuse_changes(file, settings)
        return
    _refuse_other_environments(folder, settings["environments"])
    replace_file(file, json.dumps(settings, indent=1).encode())


def _refuse_changes(file: Path, settings: Mapping[str, Any]) -> None:
    """Raise :class:`CampaignError` where ``file`` holds other settings, or none."""
    try:
        begun = json.loads(file.read_text(encoding="utf-8"))
        # As text, so that the order of environments counts: the last one is compared with those before.
        different = [name for name in settings if json.dumps(begun.get(name)) != json.dumps(settings[name])]
    except (ValueError, AttributeError, RecursionError) as error:
        raise CampaignError(f"{file} cannot be read: {error}") from None
    if different:
        said = "; ".join(
            f"{name}: {_describe(begun.get(name))} then, {_describe(settings[name])} now"
            for name in different
        )
        raise CampaignError(
            f"{file.parent} is another campaign ({said}): give this one another --name, or repeat that one"
        )


def _refuse_other_environments(folder: Path, labels: Sequence[str]) -> None:
    """Raise :class:`CampaignError` where ``folder`` holds results of an environment not in ``labels``."""
    there = sorted(path.name for path in folder.glob("*") if path.is_dir() and path.name not in TAKEN_LABELS)
    strange = [label for label in there if label not in labels]
    if strange:
        raise CampaignError(f"{folder} holds other environments ({', '.join(strange)}): give another --name")


def _describe(setting: Any) -> str:
    if isinstance(setting, dict):
        return ", ".join(f"{label}={how}" for label, how in setting.items())
    if isinstance(setting, list):
        return shlex.join(map(str, setting)) or "none"
    return str(setting)
