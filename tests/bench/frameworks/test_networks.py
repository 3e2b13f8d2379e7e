"""Whole networks in every framework, each in a process of its own, and what TensorFlow alone can show."""

import gc
import importlib.metadata
import importlib.util

import numpy as np
import pytest

from bench.contract.networks import INFERENCE, TRAINING, TRAINING_WITH_ADAM
from bench.frameworks.interface import NetworkStep, Unsupported
from bench.frameworks.loading import AVAILABLE, load_framework
from bench.networks.steps import prepare_step
from tests.bench.frameworks.contracts import hold_to_contract

FRAMEWORK = load_framework()
IMAGES = np.random.default_rng(5).standard_normal((4, 6, 6, 3), dtype=np.float32)
of_tensorflow = pytest.mark.skipif(FRAMEWORK.name != "tensorflow", reason="shown on TensorFlow")


@pytest.mark.parametrize("backend", AVAILABLE)
def test_a_framework_does_with_networks_what_the_interface_says(backend):
    if backend != "tensorflow" and importlib.metadata.version("keras").startswith("2."):
        pytest.skip("Keras 2 has one backend")
    hold_to_contract(backend, "tests/bench/network_contract.py")


def create_model():
    import keras

    return keras.Sequential(
        [
            keras.layers.Input((6, 6, 3)),
            keras.layers.Conv2D(4, 3, name="conv"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )


def create_branching_model(decorate):
    """A model whose own ``call`` branches on a tensor in Python; ``decorate`` is put around that."""
    import keras
    import tensorflow as tf

    class Branching(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        @decorate
        def call(self, x):
            y = self.dense(x)
            if tf.reduce_sum(x) > 0:
                y = y + 100.0
            return y

    model = Branching()
    model(IMAGES)
    return model


def infer_on_both_branches(model):
    """The largest output for inputs above 0 and below."""
    ones = np.ones((4, 6, 6, 3), np.float32)
    return [
        float(np.max(prepare_step(FRAMEWORK, model, x, INFERENCE, "graph", "CPU:0").call()))
        for x in (ones, -ones)
    ]


@of_tensorflow
def test_a_model_may_branch_on_tensors_as_keras_lets_it():
    import keras
    import tensorflow as tf

    above, below = infer_on_both_branches(create_branching_model(tf.function))
    assert above > 50 > below
    plain = create_branching_model(lambda call: call)
    if keras.__version__.startswith("2."):
        above, below = infer_on_both_branches(plain)
        assert above > 50 > below
    else:
        with pytest.raises(Unsupported, match=r"Using a symbolic `tf.Tensor` as a Python `bool`"):
            infer_on_both_branches(plain)


@of_tensorflow
@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_a_call_keeps_what_it_needs(mode):
    call = prepare_step(FRAMEWORK, create_model(), IMAGES, TRAINING_WITH_ADAM, mode, "CPU:0").call
    gc.collect()
    loss, gradients = call()
    assert float(loss) > 0
    assert len(gradients) == 6


@of_tensorflow
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_adam_goes_on_in_every_mode(mode, monkeypatch):
    from bench.frameworks.steps import tensorflow as steps

    made = []
    create = steps.create_adam
    monkeypatch.setattr(steps, "create_adam", lambda variables: made.append(create(variables)) or made[-1])
    call = prepare_step(FRAMEWORK, create_model(), IMAGES, TRAINING_WITH_ADAM, mode, "CPU:0").call
    for _ in range(3):
        call()
    assert int(made[0].iterations.numpy()) == 4


@of_tensorflow
def test_an_output_whose_size_is_not_known_before_it_runs_has_no_targets_in_a_graph():
    import keras
    import tensorflow as tf

    class Choosing(keras.layers.Layer):
        def call(self, x):
            return tf.boolean_mask(x, x > 0)

        def compute_output_shape(self, shape):
            return (None,)

    model = keras.Sequential([keras.layers.Input((6, 6, 3)), keras.layers.Conv2D(2, 3), Choosing()])
    with pytest.raises(Unsupported, match="an output whose size is known only when it runs"):
        prepare_step(FRAMEWORK, model, IMAGES, TRAINING, "graph", "CPU:0")


@of_tensorflow
def test_what_the_machine_lacks_is_no_refusal():
    def exhausted(*arguments, **options):
        raise ValueError("RESOURCE_EXHAUSTED: out of memory")

    with pytest.raises(ValueError, match="out of memory"):
        FRAMEWORK.prepare_network(exhausted, IMAGES, NetworkStep("eager", "CPU:0", training=False))
