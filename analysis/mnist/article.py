"""What the article printed, and what its own numbers give."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from bench.contract.mnist import CONV, SEPARABLE


@cache
def load_published() -> dict[str, Any]:
    """What the article printed."""
    return json.loads(resources.files("analysis.mnist").joinpath("published.json").read_text("utf-8"))


def recompute() -> dict[str, tuple[float, float]]:
    """What the article printed against what its own numbers give."""
    losses = load_published()["models"][SEPARABLE]["test_loss"][1:]
    outputs, kernel, channels, filters = 13 * 13, 3 * 3, 3, 10
    dense = outputs * kernel * channels * filters
    separable = outputs * kernel * channels + outputs * channels * filters
    stated = load_published()["multiplications"]
    return {
        "mean of its five losses": (load_published()["mean_of_five_losses"], float(np.mean(losses))),
        "multiplications of Conv2D, 15x15x3 to 10 filters": (stated[CONV], dense),
        "multiplications of SeparableConv2D, the same": (stated[SEPARABLE], separable),
    }
