"""Trains several models side by side, epoch by epoch in alternating order, and keeps every epoch.

Drift of the machine then hits all models alike, so that times can be compared in pairs. After each
epoch weights, optimizer and history are on disk; a killed run goes on at the epoch where it was.
Everything random in an epoch (the order of samples, dropout) follows from the repeat and the epoch,
so that it ends like an unbroken run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.fingerprint import code_version
from bench.mnist.data import Mnist
from bench.mnist.models import MODELS, Model, build

BATCH, VALIDATION_SPLIT, CLASSES = 250, 0.2, 10
_SEED = 20190924


@dataclass(frozen=True)
class Samples:
    """Inputs (N, 28, 28, 1) in [0, 1] as float32, and one-hot targets (N, 10)."""

    inputs: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, chosen: Any) -> Samples:
        return Samples(self.inputs[chosen], self.targets[chosen])


@dataclass(frozen=True)
class Prepared:
    """The article's split: the last fifth of the training samples validates."""

    train: Samples
    validation: Samples
    test: Samples

    @classmethod
    def of(cls, mnist: Mnist, first: int | None = None) -> Prepared:
        """``first``: only so many training and test samples."""
        train = _samples(mnist.train_images[:first], mnist.train_labels[:first])
        test = _samples(mnist.test_images[:first], mnist.test_labels[:first])
        border = int(len(train) * (1 - VALIDATION_SPLIT))
        return cls(train[:border], train[border:], test)


def _samples(images: np.ndarray, labels: np.ndarray) -> Samples:
    return Samples(images[..., None].astype(np.float32) / 255, np.eye(CLASSES, dtype=np.float32)[labels])


@dataclass
class Training:
    """One model's training in one repeat, as far as it has come.

    ``history`` has an entry an epoch for each of: seconds (of training, as Keras bounds an epoch),
    call_seconds (of the whole call to ``fit``), loss, accuracy, validation_loss, validation_accuracy.
    """

    model: Model
    repeat: int
    parameters: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    test_loss: float | None = None
    test_accuracy: float | None = None
    #: Epochs whose time holds compiling too: the first, and the first after each time it was taken up.
    compiled: list[int] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        return len(self.history.get("seconds", ()))


class Repeat:
    """All models of one repeat, trained in turns. ``folder`` keeps what every epoch ended with.

    ``tell`` is given a sentence after every epoch, and the seconds that the epoch took.
    """

    def __init__(
        self,
        models: Iterable[Model],
        repeat: int,
        data: Prepared,
        folder: Path,
        tell: Callable[[str, float], None],
    ) -> None:
        self._data, self._folder, self._tell = data, folder, tell
        self._repeat = repeat
        self.trainings = [Training(model, repeat) for model in models]
        self._networks: dict[str, Any] = {}
        self._fitted: set[str] = set()
        for training in self.trainings:
            network = build(training.model, _SEED + repeat)
            training.parameters = network.count_params()
            self._networks[training.model.name] = network
            self._take_up(training)

    def train(self, epochs: int) -> None:
        """Until every model has had ``epochs`` epochs; then each is tested."""
        for epoch in range(epochs):
            order = self.trainings if epoch % 2 == 0 else self.trainings[::-1]
            for training in order:
                if training.epochs == epoch:
                    self._epoch(training, epoch)
        for training in self.trainings:
            network = self._networks[training.model.name]
            test = self._data.test
            training.test_loss, training.test_accuracy = map(
                float, network.evaluate(test.inputs, test.targets, batch_size=BATCH, verbose=0)
            )

    def _epoch(self, training: Training, epoch: int) -> None:
        network = self._networks[training.model.name]
        seed = (_SEED + self._repeat) * 1000 + epoch
        order = np.random.default_rng(seed).permutation(len(self._data.train))
        train, validation = self._data.train[order], self._data.validation
        _seed_dropout(network, seed)
        if training.model.name not in self._fitted:
            self._fitted.add(training.model.name)
            training.compiled.append(epoch)
        bounds, bound = _epoch_bounds()
        start = time.perf_counter()
        # The samples come shuffled, so that their order is known; the rest is the article's call.
        fitted = network.fit(
            train.inputs, train.targets, batch_size=BATCH, verbose=0, shuffle=False, callbacks=[bound]
        )
        middle = time.perf_counter()
        loss, accuracy = network.evaluate(validation.inputs, validation.targets, batch_size=BATCH, verbose=0)
        end = time.perf_counter()
        ended = {
            "seconds": bounds[-1] - bounds[0],
            "call_seconds": middle - start,
            "loss": fitted.history["loss"][0],
            "accuracy": fitted.history["accuracy"][0],
            "validation_loss": loss,
            "validation_accuracy": accuracy,
        }
        for name, value in ended.items():
            training.history.setdefault(name, []).append(float(value))
        self._keep(training)
        self._tell(
            f"{training.model.name}, repeat {self._repeat + 1}, epoch {epoch + 1}: {ended['seconds']:.1f} s, "
            f"validation accuracy {accuracy:.4f}",
            end - start,
        )

    def _file(self, training: Training) -> Path:
        return kept_file(self._folder, training.model.name, self._repeat)

    def _keep(self, training: Training) -> None:
        network = self._networks[training.model.name]
        arrays = {f"v{place}": np.asarray(value) for place, value in enumerate(_variables(network))}
        so_far = json.dumps({"history": training.history, "compiled": training.compiled})
        arrays["so_far"] = np.frombuffer(so_far.encode(), dtype=np.uint8)
        content = io.BytesIO()
        np.savez(content, **arrays)
        write_durably(self._file(training), content.getvalue())

    def _take_up(self, training: Training) -> None:
        """Go on from what was kept; what cannot be read is as good as nothing."""
        file = self._file(training)
        if not file.exists():
            return
        network = self._networks[training.model.name]
        try:
            with np.load(file, allow_pickle=False) as kept:
                so_far = json.loads(kept["so_far"].tobytes())
                values = [kept[f"v{place}"] for place in range(len(kept.files) - 1)]
        except Exception:  # a file cut off can fail in many ways, and all mean the same
            self._tell(f"{file} cannot be read: {training.model.name} starts again", 0.0)
            return
        _assign(network, values)
        training.history, training.compiled = so_far["history"], so_far["compiled"]


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
        return self._storage / key(self._environment, self.data, self.epochs)

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
                kept_file(self._folder, model, repeat).unlink(missing_ok=True)

    def _tell(self, text: str, seconds: float) -> None:
        if seconds:
            self._spent.append(seconds)
            self._done += 1
        left = len(self.wanted) * self.epochs - self._done
        mean = sum(self._spent) / max(len(self._spent), 1)
        self.write(f"{text}; at most {timedelta(seconds=round(left * mean))} left")


def _variables(network: Any) -> list[Any]:
    """Weights and the optimizer's state, in an order that only depends on the model."""
    if not network.optimizer.built:
        network.optimizer.build(network.trainable_variables)
    optimizer = network.optimizer.variables
    return [*network.weights, *(optimizer() if callable(optimizer) else optimizer)]


def _assign(network: Any, values: list[np.ndarray]) -> None:
    for variable, value in zip(_variables(network), values, strict=True):
        variable.assign(value)


def _epoch_bounds() -> tuple[list[float], Any]:
    """A list, and the callback that puts the moments into it at which an epoch begins and ends.

    A stopwatch around ``fit`` would be wrong: there TensorFlow also ends its input pipeline, whose
    tuning thread sleeps 10, 20, 40, ... ms and is often waited for. With epochs between 5.1 and 10.2 s,
    every second call or so took the same 10.6 s (TensorFlow 2.21).
    """
    import keras

    bounds: list[float] = []

    def now(*_: Any) -> None:
        bounds.append(time.perf_counter())

    return bounds, keras.callbacks.LambdaCallback(on_epoch_begin=now, on_epoch_end=now)


def _seed_dropout(network: Any, seed: int) -> None:
    """Dropout draws from a generator of its own, whose state no file of weights holds."""
    for layer in network.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed % 2**31, 0])


def kept_file(folder: Path, model: str, repeat: int) -> Path:
    """Where an unfinished training is kept."""
    return folder / f"{model}-{repeat}.npz"


def write_durably(path: Path, content: bytes) -> None:
    """All of ``content``, or what was there before; on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}-{os.getpid()}")
    with made.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(made, path)


def key(environment: Mapping[str, Any], data: Prepared, epochs: int) -> str:
    """What must be equal for kept epochs to be gone on with: environment, code, data and epochs."""
    code = code_version(Path(__file__).parent)
    facts = json.dumps([code, environment["fingerprint"], len(data.train), len(data.test), epochs])
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def as_dict(training: Training, data: Prepared) -> dict[str, Any]:
    """The training's share of the data contract."""
    seconds = training.history["seconds"]
    steady = [taken for epoch, taken in enumerate(seconds) if epoch not in training.compiled]
    return {
        **{name: value for name, value in dataclasses.asdict(training).items() if name != "model"},
        "model": training.model.name,
        "question": training.model.question,
        "convolutions": [list(each) for each in training.model.convolutions],
        "epochs": training.epochs,
        "seed": _SEED + training.repeat,
        "samples": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        "batch": BATCH,
        "seconds_a_sample": float(np.median(steady or seconds)) / len(data.train),
    }
