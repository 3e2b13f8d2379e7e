"""What every framework module promises of networks; ``test_networks.py`` runs it once a Keras backend."""

import numpy as np
import pytest

from bench.contract.cases import MODES
from bench.contract.networks import INFERENCE, TRAINING, TRAINING_WITH_ADAM
from bench.frameworks.interface import Unsupported
from bench.frameworks.loading import load_framework
from bench.frameworks.steps.loss import draw_targets
from bench.networks.steps import prepare_step

keras = pytest.importorskip("keras")

FRAMEWORK = load_framework()
DEVICE = "CPU:0"
IMAGES = np.random.default_rng(5).standard_normal((4, 6, 6, 3), dtype=np.float32)
#: The modes that differ, without what takes minutes: operation by operation in JAX, compiling in PyTorch.
QUICK_MODES = {"tensorflow": MODES, "jax": ("graph",), "torch": ("eager",)}[FRAMEWORK.name]
#: TensorFlow 2.12 normalizes nothing in bfloat16.
POLICIES = ["mixed_float16"] if keras.__version__.startswith("2.") else ["mixed_float16", "mixed_bfloat16"]


class Counter(keras.layers.Layer):
    """Multiplies by how often it was trained with: what it returns shows whether state goes on."""

    def build(self, shape):
        self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)
        self.built = True

    def call(self, x, training=False):
        if training:
            self.count.assign(self.count + 1.0)
        return x * self.count


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(1)


def create_model(middle=(), dtype=None):
    """Two layers with those that ``middle`` names between them."""
    layers = keras.layers
    create = {
        "norm": lambda: layers.BatchNormalization(name="norm", dtype=dtype),
        "dropout": lambda: layers.Dropout(0.5, dtype=dtype),
        "counter": Counter,
    }
    with FRAMEWORK.place_on(DEVICE):
        return keras.Sequential(
            [
                keras.Input((6, 6, 3)),
                layers.Conv2D(4, 3, activation="tanh", kernel_regularizer="l2", name="conv", dtype=dtype),
                *(create[name]() for name in middle),
                layers.GlobalAveragePooling2D(dtype=dtype),
                layers.Dense(5, name="dense", dtype=dtype),
            ]
        )


def prepare_call(model, direction, mode=QUICK_MODES[0], inputs=IMAGES):
    return prepare_step(FRAMEWORK, model, inputs, direction, mode, DEVICE).call


def convert(result):
    return FRAMEWORK.convert_to_arrays(result)


def train(model, mode=QUICK_MODES[0], direction=TRAINING, inputs=IMAGES):
    """The loss and the gradients of one call."""
    loss, gradients = prepare_call(model, direction, mode, inputs)()
    return float(loss), convert(gradients)


def compute_loss(model, inputs=IMAGES):
    """The loss as it is meant, from what inference returns."""
    outputs = convert(prepare_call(model, INFERENCE, inputs=inputs)())
    targets = draw_targets([output.shape for output in outputs])
    kernel = model.get_layer("conv").get_weights()[0].astype(np.float64)
    differences = sum(np.mean((y - t) ** 2) for y, t in zip(outputs, targets, strict=True))
    return differences + 0.01 * np.sum(kernel**2)


@pytest.mark.parametrize("mode", QUICK_MODES)
def test_inference_returns_what_the_model_predicts(mode):
    model = create_model(["norm", "dropout"])
    (found,) = convert([prepare_call(model, INFERENCE, mode)()])
    np.testing.assert_allclose(found, model.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_say_how_the_loss_changes(mode):
    model = create_model()
    loss, gradients = train(model, mode)
    assert loss == pytest.approx(compute_loss(model), rel=1e-4)
    weights = model.get_weights()
    random = np.random.default_rng(3)
    for place, gradient in enumerate(gradients):
        away = random.standard_normal(gradient.shape).astype(np.float32)
        found = []
        for step in (0.01, -0.01):
            model.set_weights([*weights[:place], weights[place] + step * away, *weights[place + 1 :]])
            found.append(compute_loss(model))
        assert (found[0] - found[1]) / 0.02 == pytest.approx(np.sum(gradient * away), rel=0.01, abs=1e-4)
        model.set_weights(weights)


def test_there_is_a_gradient_of_every_trainable_weight_and_of_no_other():
    model = create_model(["norm"])
    _, all_of_them = train(model)
    assert [g.shape for g in all_of_them] == [tuple(w.shape) for w in model.trainable_weights]
    model.get_layer("conv").trainable = False
    _, found = train(model)
    assert [g.shape for g in found] == [g.shape for g in all_of_them[2:]]


@pytest.mark.parametrize("mode", QUICK_MODES)
def test_moving_statistics_change_in_training_alone(mode):
    if FRAMEWORK.name == "jax":
        pytest.skip("the call has the statistics, and shows them to nobody")
    model = create_model(["norm"])

    def read():
        return model.get_layer("norm").moving_mean.numpy()

    before = read()
    prepare_call(model, INFERENCE, mode)()
    np.testing.assert_array_equal(read(), before)
    call = prepare_call(model, TRAINING, mode)
    first = read()
    call()
    assert np.abs(first - before).max() > 1e-6
    assert np.abs(read() - first).max() > 1e-6


@pytest.mark.parametrize("mode", QUICK_MODES)
def test_state_goes_on_from_call_to_call(mode):
    call = prepare_call(create_model(["counter"]), TRAINING, mode)
    losses = [float(call()[0]) for _ in range(3)]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("mode", QUICK_MODES)
def test_dropout_drops_others_at_every_call(mode):
    call = prepare_call(create_model(["dropout"]), TRAINING, mode)
    assert len({float(call()[0]) for _ in range(3)}) == 3


@pytest.mark.parametrize("mode", QUICK_MODES)
def test_adam_does_its_work_and_leaves_the_weights(mode):
    model = create_model()
    before = model.get_weights()
    loss, gradients = train(model, mode, TRAINING_WITH_ADAM)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    expected, gradients_without = train(model, mode)
    assert loss == pytest.approx(expected, rel=1e-5)
    for one, other in zip(gradients, gradients_without, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_adam_counts_the_calls(monkeypatch):
    noted = []
    get = keras.optimizers.get

    def get_noting(name):
        optimizer = get(name)
        # What all of Keras 3 applies gradients through, and what Keras 2 has.
        method = "apply" if hasattr(optimizer, "apply") else "apply_gradients"
        plain = getattr(optimizer, method)

        def apply(*arguments, **options):
            noted.append(int(np.asarray(optimizer.iterations)))
            return plain(*arguments, **options)

        setattr(optimizer, method, apply)
        return optimizer

    monkeypatch.setattr(keras.optimizers, "get", get_noting)
    call = prepare_call(create_model(), TRAINING_WITH_ADAM, "eager")
    for _ in range(3):
        call()
    assert noted == [0, 1, 2, 3]


def create_branching_model():
    with FRAMEWORK.place_on(DEVICE):
        image, number = keras.Input((6, 6, 3), name="image"), keras.Input((2,), name="number")
        wide = keras.layers.Conv2D(4, 3, kernel_regularizer="l2", name="conv")(image)
        flat = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D()(wide), number])
        outputs = {"wide": wide, "class": keras.layers.Dense(3)(flat)}
        return keras.Model([image, number], outputs)


@pytest.mark.parametrize("mode", QUICK_MODES)
def test_several_inputs_and_outputs_by_name_all_count(mode):
    model = create_branching_model()
    inputs = [IMAGES, np.ones((4, 2), np.float32)]
    outputs = prepare_call(model, INFERENCE, mode, inputs)()
    assert {name: tuple(y.shape) for name, y in outputs.items()} == {"wide": (4, 4, 4, 4), "class": (4, 3)}
    loss, gradients = train(model, mode, inputs=inputs)
    assert loss == pytest.approx(compute_loss(model, inputs), rel=1e-4)
    assert len(gradients) == len(model.trainable_weights) == 4


@pytest.mark.parametrize("policy", POLICIES)
def test_the_loss_is_float32_whatever_the_network_computes_in(policy):
    model = create_model(["norm"], policy)
    output = prepare_call(model, INFERENCE, "graph")()
    assert policy.removeprefix("mixed_") in str(output.dtype)
    loss, gradients = prepare_call(model, TRAINING_WITH_ADAM, "graph")()
    assert all("float32" in str(tensor.dtype) for tensor in [loss, *gradients])


def test_a_network_without_a_loss_or_a_weight_to_train_is_not_trained():
    with FRAMEWORK.place_on(DEVICE):
        whole_numbers = keras.Sequential(
            [keras.Input((6, 6, 3)), keras.layers.Conv2D(2, 3), keras.layers.Lambda(round_down)]
        )
    prepare_call(whole_numbers, INFERENCE)()
    with pytest.raises(Unsupported, match=r"^the network has no floating-point output that a loss"):
        prepare_call(whole_numbers, TRAINING)
    frozen = create_model()
    frozen.trainable = False
    with pytest.raises(Unsupported, match=r"^the network has no trainable weight$"):
        prepare_call(frozen, TRAINING)


def round_down(x):
    if hasattr(keras, "ops"):
        return keras.ops.cast(x, "int32")
    return keras.backend.cast(x, "int32")


def test_what_cannot_run_is_unsupported_in_the_frameworks_words():
    with pytest.raises(Unsupported, match=r"shape|rank|ndim|channels|dimension"):
        prepare_call(create_model(), INFERENCE, inputs=np.ones((4, 6, 6, 7), np.float32))


@pytest.mark.parametrize("direction", [INFERENCE, TRAINING, TRAINING_WITH_ADAM])
@pytest.mark.parametrize("mode", [mode for mode in QUICK_MODES if mode != "eager"])
def test_a_model_is_traced_whenever_it_is_prepared_and_never_in_a_call(mode, direction, monkeypatch):
    model = create_model(["norm"])
    traces = []
    layer = model.get_layer("conv")
    plain = layer.call

    def noting(*arguments, **options):
        traces.append(FRAMEWORK.read_scope())
        return plain(*arguments, **options)

    prepare_call(model, direction, mode)
    monkeypatch.setattr(layer, "call", noting)
    call = prepare_call(model, direction, mode)
    once = 2 if FRAMEWORK.name == "jax" and direction != INFERENCE else 1
    assert len(traces) == once
    for _ in range(3):
        call()
    assert len(traces) == once
    assert ("conv" in traces[0]) == (FRAMEWORK.name == "tensorflow")
    prepare_call(model, direction, mode)
    assert len(traces) == 2 * once


def test_operations_outside_a_graph_have_no_scope():
    assert FRAMEWORK.read_scope() == ""
