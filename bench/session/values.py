"""From the text of an option to its value, or to one sentence about what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.contract.case_ids import parse_id
from bench.contract.cases import ConvCase
from bench.timing.lockstep import Budget


def split_words(text: str | None) -> tuple[str, ...]:
    """The words between commas."""
    words = [word.strip() for word in (text or "").split(",")]
    return tuple(word for word in words if word)


def parse_choices(option: str, text: str | None, choices: Sequence[str]) -> tuple[str, ...]:
    """The words between commas, each once and one of ``choices``."""
    words = split_words(text)
    for word in words:
        if word not in choices:
            raise ValueError(f"{option} has no {word!r}; there are: {', '.join(choices)}")
    return tuple(dict.fromkeys(words))


def parse_cases(text: str | None) -> tuple[ConvCase, ...]:
    """The cases with the ids between commas, each once; of a comparison's id, the dense layer."""
    return tuple(dict.fromkeys(parse_id(word) for word in split_words(text)))


def parse_count(option: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{option} must be a whole number of at least 1, not {text!r}")
    return int(text)


def parse_repeats(text: str | None, default: int) -> tuple[int, int]:
    """``5`` is the repeats 1 to 5, ``4-5`` these two: a repeat is known by its number, which seeds it."""
    if text is None:
        return 1, default
    first, dash, last = text.partition("-")
    if not dash:
        return 1, parse_count("--repeats", text, default)
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise ValueError(f"--repeats must be a number such as 5 or a range such as 4-5, not {text!r}")
    return int(first), int(last)


def parse_samples(text: str | None) -> int | None:
    if text is None:
        return None
    samples = parse_count("--samples", text, 0)
    if samples == 1:
        raise ValueError("--samples must be at least 2: one to train on, one to validate with")
    return samples


def parse_mnist(text: str | None) -> Path | None:
    if not text:
        return None
    path = Path(text)
    if not path.exists():
        raise ValueError(f"--mnist: there is no {path}")
    return path


def parse_seed(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"--shuffle-seed must be a whole number, not {text!r}") from None


def parse_storage(uri: object) -> Path:
    path = str(uri).removeprefix("file://")
    if "://" in path:
        raise ValueError(f"--benchmark-storage must be a folder (file://PATH), not {str(uri)!r}")
    if not path:
        raise ValueError("--benchmark-storage is empty: give a folder, or leave it out")
    return Path(path)


def parse_budget(values: Mapping[str, Any]) -> Budget:
    precision = values.get("benchmark_precision")
    confidence = float(values.get("benchmark_confidence") or Budget.confidence)
    if not 0 < confidence < 1:
        raise ValueError(f"--benchmark-confidence must lie between 0 and 1, not {confidence:g}")
    return Budget(
        max_time=_parse_seconds("--benchmark-max-time", values["benchmark_max_time"]),
        min_rounds=values["benchmark_min_rounds"],
        min_time=_parse_seconds("--benchmark-min-time", values["benchmark_min_time"]),
        calibration_precision=values["benchmark_calibration_precision"],
        precision=None if precision is None else float(precision),
        confidence=confidence,
        disable_gc=values["benchmark_disable_gc"],
    )


def _parse_seconds(option: str, value: str | float) -> float:
    seconds = float(value)
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{option} must be a number of seconds over 0, not {seconds:g}")
    return seconds
