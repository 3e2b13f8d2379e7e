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
from bench.contract.mnist import BATCH, FIRST_LAYER, SECOND_LAYER
from bench.mnist.data import Mnist
from bench.mnist.models import MODELS
from bench.mnist.samples import Prepared, prepare_samples
from bench.mnist.training import Repeat, Training, name_kept_file
from bench.workloads.layers import SEED


class Experiment:
    """Trains every model, so many times, for ``epochs`` epochs.

    ``load`` is called when the data are first needed. ``sample_count`` takes only so many samples of them.
    Unfinished trainings are kept in ``storage``.
    """

    def __init__(
        self,
        epochs: int,
        load: Callable[[], Mnist],
        environment: Mapping[str, Any],
        storage: Path,
        *,
        sample_count: int | None = None,
    ) -> None:
        self.epochs = epochs
        #: The trainings that will be asked for: model and repeat.
        self.wanted: list[tuple[str, int]] = []
        #: Is given a line after every epoch.
        self.write: Callable[[str], None] = lambda text: None
        self._load = load
        self._environment = environment
        self._storage = storage
        self._sample_count = sample_count
        #: What was trained: by repeat, and in it by model.
        self._trained: dict[int, dict[str, Training]] = {}
        #: The seconds of every epoch of this process.
        self._spent: list[float] = []
        #: How many epochs are done, by this process or by those that it goes on with.
        self._done = 0

    @cached_property
    def data(self) -> Prepared:
        """The samples, loaded when they are first needed."""
        return prepare_samples(self._load(), self._sample_count)

    @cached_property
    def _folder(self) -> Path:
        return self._storage / compute_key(self._environment, self.data, self.epochs)

    def train(self, model: str, repeat: int) -> Training:
        """The training of ``model`` in ``repeat``. The first of a repeat trains all that are wanted of it."""
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
        """Remove what was kept. It has been saved, and the next run is a replicate of its own."""
        for repeat, trainings in self._trained.items():
            for model in trainings:
                name_kept_file(self._folder, model, repeat).unlink(missing_ok=True)

    def _tell(self, text: str, seconds: float) -> None:
        if seconds:
            self._spent.append(seconds)
            self._done += 1
        if not self._spent:
            self.write(text)
            return
        left = len(self.wanted) * self.epochs - self._done
        mean = sum(self._spent) / len(self._spent)
        self.write(f"{text}; at most {timedelta(seconds=round(left * mean))} left")


def compute_key(environment: Mapping[str, Any], data: Prepared, epochs: int) -> str:
    """Equal for two runs where one may go on with what the other kept.

    That is so where environment, code, data and the number of epochs are the same.
    """
    # The geometry and the seed are code of other packages.
    code = [hash_code(Path(__file__).parent), FIRST_LAYER, SECOND_LAYER, SEED]
    facts = json.dumps([code, environment["fingerprint"], len(data.train), len(data.test), epochs])
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def describe_training(training: Training, data: Prepared) -> dict[str, Any]:
    """``training`` as its row saves it."""
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
