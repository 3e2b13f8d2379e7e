"""MNIST as the article splits it: inputs and targets to train, validate and test with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.contract.mnist import CLASSES
from bench.mnist.data import Mnist

#: The share of the training samples that validates.
VALIDATION_SPLIT = 0.2


@dataclass(frozen=True)
class Images:
    """Inputs (N, 28, 28, 1) in [0, 1] and one-hot targets (N, 10), all float32."""

    inputs: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, chosen: Any) -> Images:
        """The images of a slice, or of an array of indices."""
        return Images(self.inputs[chosen], self.targets[chosen])


@dataclass(frozen=True)
class Prepared:
    """The article's split."""

    train: Images
    validation: Images
    test: Images


def prepare_samples(mnist: Mnist, sample_count: int | None = None) -> Prepared:
    """Split ``mnist`` like the article: the last fifth of the training samples validates.

    ``sample_count``: take only so many training samples, and as many test samples.
    """
    train = _scale(mnist.train_images[:sample_count], mnist.train_labels[:sample_count])
    test = _scale(mnist.test_images[:sample_count], mnist.test_labels[:sample_count])
    border = int(len(train) * (1 - VALIDATION_SPLIT))
    return Prepared(train=train[:border], validation=train[border:], test=test)


def _scale(images: np.ndarray, labels: np.ndarray) -> Images:
    """Images (N, 28, 28) and labels (N,), both uint8, as samples."""
    inputs = images[..., None].astype(np.float32) / 255
    return Images(inputs, np.eye(CLASSES, dtype=np.float32)[labels])
