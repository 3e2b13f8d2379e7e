import json

import numpy as np
import pytest

from bench.contract.mnist import SECOND_LAYER
from bench.mnist.data import Mnist
from bench.mnist.experiment import Experiment, compute_key, describe_training
from bench.mnist.models import MODELS
from bench.mnist.samples import prepare_samples
from bench.mnist.training import Repeat

ENVIRONMENT = {"fingerprint": "0123456789"}


def made_mnist(train=500, test=100):
    """Images that a network can learn: a bright row for each digit."""
    random = np.random.default_rng(1)

    def some(count):
        labels = random.integers(0, 10, count).astype(np.uint8)
        images = random.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        images[np.arange(count), 2 * labels + 3] = 250
        return images, labels

    return Mnist(*some(train), *some(test), source="made")


@pytest.fixture(scope="module")
def data():
    return prepare_samples(made_mnist())


def repeat_of(data, folder, names=("conv", "separable"), tell=lambda text, seconds: None):
    return Repeat([MODELS[name] for name in names], 0, data, folder, tell)


def test_samples_are_prepared_as_in_the_article():
    mnist = made_mnist()
    prepared = prepare_samples(mnist)
    assert (len(prepared.train), len(prepared.validation), len(prepared.test)) == (400, 100, 100)
    assert prepared.train.inputs.shape == (400, 28, 28, 1)
    assert prepared.train.inputs.dtype == np.float32
    assert prepared.train.inputs.max() == np.float32(250) / 255
    # Keras's validation_split takes the last samples, before shuffling.
    assert (prepared.validation.inputs[..., 0] == mnist.train_images[400:].astype(np.float32) / 255).all()
    assert (prepared.test.targets.argmax(axis=1) == mnist.test_labels).all()
    assert (prepared.test.targets.sum(axis=1) == 1).all()


def test_sixty_thousand_samples_give_48_000_to_train_with():
    zeros = Mnist(
        np.zeros((60_000, 28, 28), np.uint8), np.zeros(60_000, np.uint8),
        np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8), "made",
    )  # fmt: skip
    prepared = prepare_samples(zeros)
    assert (len(prepared.train), len(prepared.validation)) == (48_000, 12_000)


def test_models_take_turns_in_alternating_order(data, tmp_path):
    told = []
    repeat_of(data, tmp_path, tell=lambda text, seconds: told.append(text.split(":")[0])).train(2)
    assert told == [
        "conv, repeat 1, epoch 1",
        "separable, repeat 1, epoch 1",
        "separable, repeat 1, epoch 2",
        "conv, repeat 1, epoch 2",
    ]


def test_a_training_killed_between_epochs_ends_like_an_unbroken_one(data, tmp_path):
    unbroken = repeat_of(data, tmp_path / "unbroken")
    unbroken.train(3)

    class Killed(Exception):
        pass

    left = 3

    def kill(text, seconds):
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    with pytest.raises(Killed):
        repeat_of(data, tmp_path / "broken", tell=kill).train(3)
    resumed = repeat_of(data, tmp_path / "broken")
    assert [one.epochs for one in resumed.trainings] == [1, 2]
    resumed.train(3)
    for one, other in zip(unbroken.trainings, resumed.trainings, strict=True):
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
            assert one.history[name] == pytest.approx(other.history[name], rel=1e-5), name
        assert one.test_loss == pytest.approx(other.test_loss, rel=1e-5)
    assert [one.compiled for one in unbroken.trainings] == [[0], [0]]
    assert [one.compiled for one in resumed.trainings] == [[0, 1], [0, 2]]


def test_what_was_kept_of_an_epoch_is_whole_or_starts_again(data, tmp_path):
    repeat_of(data, tmp_path, names=("separable",)).train(1)
    (kept,) = tmp_path.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-50])
    told = []
    again = repeat_of(data, tmp_path, names=("separable",), tell=lambda text, seconds: told.append(text))
    assert again.trainings[0].epochs == 0
    assert "cannot be read: separable starts again" in told[0]


def test_no_time_left_is_told_before_any_was_spent(tmp_path):
    told = []
    broken = Experiment(1, made_mnist, ENVIRONMENT, tmp_path, sample_count=200)
    broken.wanted = [("separable", 0)]
    broken.train("separable", 0)
    (kept,) = tmp_path.rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-50])
    again = Experiment(1, made_mnist, ENVIRONMENT, tmp_path, sample_count=200)
    again.wanted = [("separable", 0)]
    again.write = told.append
    again.train("separable", 0)
    assert told[0] == f"{kept} cannot be read: separable starts again"
    assert "at most" in told[1]


def test_a_finished_training_is_not_trained_again(data, tmp_path):
    repeat_of(data, tmp_path, names=("separable",)).train(1)
    told = []
    again = repeat_of(data, tmp_path, names=("separable",), tell=lambda text, seconds: told.append(text))
    again.train(1)
    assert told == []
    assert again.trainings[0].test_accuracy is not None


def test_a_row_says_all_that_the_contract_asks_for(data, tmp_path):
    repeat = repeat_of(data, tmp_path, names=("conv",))
    repeat.train(2)
    row = describe_training(repeat.trainings[0], data)
    assert row["model"] == "conv"
    assert row["parameters"] == 431_242
    assert row["epochs"] == 2 == len(row["history"]["seconds"])
    assert all(
        own <= call
        for own, call in zip(row["history"]["seconds"], row["history"]["call_seconds"], strict=True)
    )
    assert row["samples"] == {"train": 400, "validation": 100, "test": 100}
    assert row["compiled"] == [0]
    assert row["seconds_a_sample"] == pytest.approx(row["history"]["seconds"][1] / 400)
    json.dumps(row, allow_nan=False)


def test_an_experiment_trains_a_repeat_once_for_all_its_models(tmp_path):
    loads, told = [], []

    def load():
        loads.append(1)
        return made_mnist()

    experiment = Experiment(1, load, ENVIRONMENT, tmp_path, sample_count=200)
    experiment.wanted = [("conv", 0), ("separable", 0), ("conv", 1)]
    experiment.write = told.append
    conv = experiment.train("conv", 0)
    assert experiment.train("separable", 0).repeat == 0
    assert experiment.train("conv", 0) is conv
    assert len(told) == 2
    assert "at most" in told[0]
    assert experiment.train("conv", 1).repeat == 1
    assert len(told) == 3
    assert loads == [1]


def test_epochs_of_another_environment_are_not_gone_on_with(data):
    own = compute_key(ENVIRONMENT, data, 25)
    assert own == compute_key({**ENVIRONMENT, "other": 1}, data, 25)
    assert own != compute_key({"fingerprint": "9876543210"}, data, 25)
    assert own != compute_key(ENVIRONMENT, prepare_samples(made_mnist(train=300)), 25)
    assert own != compute_key(ENVIRONMENT, data, 5)


def test_what_has_been_saved_is_trained_anew_by_the_next_run(tmp_path):
    told = []
    for _ in range(2):
        experiment = Experiment(1, made_mnist, ENVIRONMENT, tmp_path, sample_count=200)
        experiment.wanted = [("separable", 0)]
        experiment.write = told.append
        experiment.train("separable", 0)
        assert len(list(tmp_path.rglob("*.npz"))) == 1
        experiment.forget()
        assert not list(tmp_path.rglob("*.npz"))
    assert len(told) == 2


def test_epochs_of_another_geometry_are_not_gone_on_with(data, monkeypatch):
    own = compute_key(ENVIRONMENT, data, 25)
    monkeypatch.setattr("bench.mnist.experiment.SECOND_LAYER", {**SECOND_LAYER, "batch": 125})
    assert own != compute_key(ENVIRONMENT, data, 25)


def test_epochs_of_another_seed_are_not_gone_on_with(data, monkeypatch):
    own = compute_key(ENVIRONMENT, data, 25)
    monkeypatch.setattr("bench.mnist.experiment.SEED", 1)
    assert own != compute_key(ENVIRONMENT, data, 25)
