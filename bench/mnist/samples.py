"""MNIST as the article splits it: inputs and targets to train, validate and test with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.mnist.data import Mnist

BATCH, VALIDATION_SPLIT, CLASSES = 250, 0.2, 10


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
