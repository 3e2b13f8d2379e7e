"""Full trainings of the article's MNIST classifiers: one test a model and repeat, its rounds are epochs.

Named on the command line they take the article's 25 epochs, five times; among all other benchmarks
one epoch each stands in for that.
"""

import pytest

from bench.contract.cases import SCHEMA
from bench.mnist.data import DataError
from bench.mnist.experiment import describe_training


def test_training(benchmark, run, training_id, replay):
    benchmark.group = "MNIST"
    benchmark.extra_info["schema"] = SCHEMA
    if benchmark.disabled:
        benchmark(lambda: None)
        return
    try:
        training = run.mnist.train(*run.selection.trainings[training_id])
    except DataError as error:
        if run.options.mnist_in_full:
            pytest.fail(str(error))
        pytest.skip(str(error))
    replay.record(benchmark, lambda: None, training.history["seconds"], 1)
    benchmark.extra_info["training"] = describe_training(training, run.mnist.data)
