"""Whole runs with everything but the work, as a pytest plugin: ``-p tests.bench.session.made_runs``.

``MADE_VERSION`` is the release of TensorFlow that a run says it has.
"""

import os

import numpy as np

from bench.frameworks import loading
from bench.mnist import data, experiment
from bench.mnist.training import Training
from bench.tracing import capturing
from tests.bench.made_framework import Made

#: What a training has of every epoch.
HISTORY = ("seconds", "call_seconds", "loss", "accuracy", "validation_loss", "validation_accuracy")


class MadeTensorFlow(Made):
    name = "tensorflow"

    def describe(self):
        return {"tensorflow": os.environ.get("MADE_VERSION", "2.30.0"), "devices": {"CPU:0": {}}}


class MadeRepeat:
    """Trainings that reach what they reach at once."""

    def __init__(self, models, repeat, samples, folder, tell):
        self.trainings = [Training(model, repeat, parameters=1000) for model in models]

    def train(self, epochs):
        for training in self.trainings:
            training.history = {name: [0.01] * epochs for name in HISTORY}
            training.test_loss, training.test_accuracy = 0.1, 0.9


def load_mnist(path=None):
    images, labels = np.zeros((100, 28, 28), np.uint8), np.zeros(100, np.uint8)
    return data.Mnist(images, labels, images, labels, source="made")


loading.load_framework = MadeTensorFlow
data.load_mnist = load_mnist
experiment.Repeat = MadeRepeat
capturing.capture = lambda *_: {}
