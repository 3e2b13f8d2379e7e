"""Every model, so many times: trained when first asked for, kept until it has been saved."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.fingerprint import hash_code
from bench.mnist.data import Mnist
from bench.mnist.models import MODELS
from bench.mnist.samples import BATCH, Prepared
from bench.mnist.training import SEED, Repeat, Training, name_kept_file


class Experiment:
    """Every model, so many times, for so many epochs; a repeat is trained when it is first asked for.

    ``wanted`` are the models and repeats that will be asked for; ``write`` is given a line an epoch.
    """

    def __init__(
        self,
        epochs: int,
        load: Callable[[], Mnist],
        environment: Mapping[str, Any],
        storage: Path,
        *,
        in_full: bool = True,
        first: int | None = None,
    ) -> None:
        self.epochs, self.in_full = epochs, in_full
        self.wanted: list[tuple[str, int]] = []
        self.write: Callable[[str], None] = lambda text: None
        self._load, self._environment, self._storage, self._first = load, environment, storage, first
        self._trained: dict[int, dict[str, Training]] = {}
        self._spent: list[float] = []
        #: Epochs that are done, now or before this was taken up.
        self._done = 0

    @cached_property
    def data(self) -> Prepared:
        return Prepared.of(self._load(), self._first)

    @cached_property
    def _folder(self) -> Path:
        return self._storage / compute_key(self._environment, self.data, self.epochs)

    def training(self, model: str, repeat: int) -> Training:
        """The training of ``model`` in ``repeat``, done now with all others of that repeat."""
        if repeat not in self._trained:
            models = [MODELS[name] for name, number in self.wanted if number == repeat]
            trained = Repeat(models, repeat, self.data, self._folder, self._tell)
            self._done += sum(training.epochs for training in trained.trainings)
            trained.train(self.epochs)
            self._trained[repeat] = {training.model.name: training for training in trained.trainings}
        return self._trained[repeat][model]

    @property
    def trained(self) -> bool:
        """Whether any training was done."""
        return bool(self._trained)

    def forget(self) -> None:
        """Throw away what was kept: it has been saved, and the next run is a replicate of its own."""
        for repeat, trainings in self._trained.items():
            for model in trainings:
                name_kept_file(self._folder, model, repeat).unlink(missing_ok=True)

    def _tell(self, text: str, seconds: float) -> None:
        if seconds:
            self._spent.append(seconds)
            self._done += 1
        left = len(self.wanted) * self.epochs - self._done
        mean = sum(self._spent) / max(len(self._spent), 1)
        self.write(f"{text}; at most {timedelta(seconds=round(left * mean))} left")


def compute_key(environment: Mapping[str, Any], data: Prepared, epochs: int) -> str:
    """What must be equal for kept epochs to be gone on with: environment, code, data and epochs."""
    code = hash_code(Path(__file__).parent)
    facts = json.dumps([code, environment["fingerprint"], len(data.train), len(data.test), epochs])
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def describe_training(training: Training, data: Prepared) -> dict[str, Any]:
    """The training's share of the data contract."""
    seconds = training.history["seconds"]
    steady = [taken for epoch, taken in enumerate(seconds) if epoch not in training.compiled]
    return {
        **{name: value for name, value in dataclasses.asdict(training).items() if name != "model"},
        "model": training.model.name,
        "question": training.model.question,
        "convolutions": [list(each) for each in training.model.convolutions],
        "epochs": training.epochs,
        "seed": SEED + training.repeat,
        "samples": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        "batch": BATCH,
        "seconds_a_sample": float(np.median(steady or seconds)) / len(data.train),
    }
