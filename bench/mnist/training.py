"""Trains several models side by side, epoch by epoch in alternating order, and keeps every epoch.

Drift of the machine then hits all models alike, so that times can be compared in pairs. After each epoch
weights, optimizer and history are on disk, and a killed run goes on at the epoch where it was. Everything
random in an epoch (the order of samples, dropout) follows from the repeat and the epoch, so a run that was
gone on with ends like an unbroken one.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.mnist import BATCH
from bench.contract.writing import replace_file
from bench.mnist.models import Model, build_model
from bench.mnist.samples import Prepared
from bench.workloads.layers import SEED


@dataclass
class Training:
    """One model's training in one repeat (0, 1, ...), as far as it has come.

    ``history`` has one number an epoch for each of: seconds (of training, as Keras bounds an epoch),
    call_seconds (of the whole call to ``fit``), loss, accuracy, validation_loss, validation_accuracy.
    """

    model: Model
    repeat: int
    parameters: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    test_loss: float | None = None
    test_accuracy: float | None = None
    #: The epochs (0, 1, ...) whose time holds compiling too: the first of every process.
    compiled: list[int] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        return len(self.history.get("seconds", ()))


class Repeat:
    """All models of one repeat, trained in turns.

    ``folder`` keeps what every epoch ended with; what it keeps already is gone on with. ``tell`` is given a
    sentence after every epoch, and the seconds that the epoch took.
    """

    def __init__(
        self,
        models: Iterable[Model],
        repeat: int,
        data: Prepared,
        folder: Path,
        tell: Callable[[str, float], None],
    ) -> None:
        self._data = data
        self._folder = folder
        self._tell = tell
        self._repeat = repeat
        self.trainings = [Training(model, repeat) for model in models]
        #: The Keras models, by name.
        self._networks: dict[str, Any] = {}
        #: The names of the models that this process has trained, and so compiled.
        self._fitted: set[str] = set()
        for training in self.trainings:
            network = build_model(training.model, SEED + repeat)
            training.parameters = network.count_params()
            self._networks[training.model.name] = network
            self._take_up(training)

    def train(self, epochs: int) -> None:
        """Train until every model has had ``epochs`` epochs, and then test each."""
        for epoch in range(epochs):
            order = self.trainings if epoch % 2 == 0 else self.trainings[::-1]
            for training in order:
                if training.epochs == epoch:
                    self._train_epoch(training, epoch)
        for training in self.trainings:
            self._test(training)

    def _train_epoch(self, training: Training, epoch: int) -> None:
        network = self._networks[training.model.name]
        seed = (SEED + self._repeat) * 1000 + epoch
        order = np.random.default_rng(seed).permutation(len(self._data.train))
        train, validation = self._data.train[order], self._data.validation
        _seed_dropout(network, seed)
        if training.model.name not in self._fitted:
            self._fitted.add(training.model.name)
            training.compiled.append(epoch)
        bounds, note_bounds = _create_stopwatch()
        start = time.perf_counter()
        # The samples come shuffled, so that their order is known; the rest is the article's call.
        fitted = network.fit(
            train.inputs, train.targets, batch_size=BATCH, verbose=0, shuffle=False, callbacks=[note_bounds]
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

    def _test(self, training: Training) -> None:
        network, test = self._networks[training.model.name], self._data.test
        loss, accuracy = network.evaluate(test.inputs, test.targets, batch_size=BATCH, verbose=0)
        training.test_loss, training.test_accuracy = float(loss), float(accuracy)

    def _keep(self, training: Training) -> None:
        """Write what is needed to go on after this epoch."""
        variables = _list_variables(self._networks[training.model.name])
        arrays = {f"v{place}": np.asarray(variable) for place, variable in enumerate(variables)}
        so_far = json.dumps({"history": training.history, "compiled": training.compiled})
        arrays["so_far"] = np.frombuffer(so_far.encode(), dtype=np.uint8)
        content = io.BytesIO()
        np.savez(content, **arrays)
        replace_file(self._name_file(training), content.getvalue(), durable=True)

    def _take_up(self, training: Training) -> None:
        """Go on from what was kept. What cannot be read is as good as nothing."""
        file = self._name_file(training)
        if not file.exists():
            return
        try:
            with np.load(file, allow_pickle=False) as kept:
                so_far = json.loads(kept["so_far"].tobytes())
                values = [kept[f"v{place}"] for place in range(len(kept.files) - 1)]
        except Exception:  # a file that was cut off can fail in many ways, and all mean the same
            self._tell(f"{file} cannot be read: {training.model.name} starts again", 0.0)
            return
        variables = _list_variables(self._networks[training.model.name])
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        training.history, training.compiled = so_far["history"], so_far["compiled"]

    def _name_file(self, training: Training) -> Path:
        return name_kept_file(self._folder, training.model.name, self._repeat)


def name_kept_file(folder: Path, model: str, repeat: int) -> Path:
    """Where an unfinished training is kept."""
    return folder / f"{model}-{repeat}.npz"


def _list_variables(network: Any) -> list[Any]:
    """Weights and the optimizer's state, in an order that depends on the model alone."""
    optimizer = network.optimizer
    if not optimizer.built:
        optimizer.build(network.trainable_variables)
    # A method in Keras 2, a property in Keras 3.
    state = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
    return [*network.weights, *state]


def _create_stopwatch() -> tuple[list[float], Any]:
    """A list, and the callback that adds the moments to it at which an epoch begins and ends, in seconds.

    A stopwatch around ``fit`` would be wrong: there TensorFlow also ends its input pipeline, whose
    tuning thread sleeps 10, 20, 40, ... ms and is often waited for. With epochs between 5.1 and 10.2 s,
    every second call or so took the same 10.6 s (TensorFlow 2.21).
    """
    import keras

    bounds: list[float] = []

    def note_moment(*_: Any) -> None:
        bounds.append(time.perf_counter())

    return bounds, keras.callbacks.LambdaCallback(on_epoch_begin=note_moment, on_epoch_end=note_moment)


def _seed_dropout(network: Any, seed: int) -> None:
    """Dropout draws from a generator of its own, whose state no file of weights holds."""
    for layer in network.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed % 2**31, 0])
