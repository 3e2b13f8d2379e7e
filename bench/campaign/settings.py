"""What a campaign was started with, and what it may be told."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.campaign.environments import TAKEN_LABELS, CampaignError

#: What a campaign does itself: it saves every run, once, and numbers its replicates.
_NEEDLESS = ("--benchmark-autosave", "--benchmark-quiet", "--resume")
_NOT_ALLOWED = (
    *("--benchmark-json", "--benchmark-save", "--benchmark-storage", "--shuffle-seed", "--discard"),
    *("--resume-from", "--benchmark-disable", "--in-turn", "--collect-only", "--co"),
)
#: What a campaign was started with, beside its results.
_SETTINGS = "campaign.settings"


def _listed(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{label}={how}" for label, how in value.items())
    return shlex.join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def check_options(options: Sequence[str]) -> list[str]:
    """What goes to pytest. Raises :class:`CampaignError` for what a campaign cannot be told."""
    for option in options:
        if option.partition("=")[0] in _NOT_ALLOWED:
            raise CampaignError(f"a campaign takes no {option.partition('=')[0]}: it sees to that itself")
    return [option for option in options if option not in _NEEDLESS]


def keep_settings(folder: Path, settings: Mapping[str, Any]) -> None:
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
    there = sorted(path.name for path in folder.glob("*") if path.is_dir() and path.name not in TAKEN_LABELS)
    strange = [label for label in there if label not in settings["environments"]]
    if strange:
        raise CampaignError(f"{folder} holds other environments ({', '.join(strange)}): give another --name")
    folder.mkdir(parents=True, exist_ok=True)
    made = file.with_suffix(".new")
    made.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    os.replace(made, file)
