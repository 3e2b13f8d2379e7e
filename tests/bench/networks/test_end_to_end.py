"""``pytest bench/ --model`` as people run it, in a process of its own."""

import json

import pytest
from click.testing import CliRunner

from analysis.cli.main import main
from analysis.networks.building import build_networks
from analysis.results.files import find_files
from analysis.results.loading import load_results
from tests.bench.session.test_end_to_end import pytest_bench

#: A convolution, a separable one, a depthwise block and one that must stay.
CODE = """
import keras
from keras import layers

def build():
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, padding="same", name="conv")(inputs)
    x = layers.SeparableConv2D(8, 3, padding="same", name="separable")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.ReLU(name="between")(layers.BatchNormalization(name="normal")(x))
    x = layers.Conv2D(8, 1, name="pointwise")(x)
    x = layers.Conv2DTranspose(4, 3, name="transposed")(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))

def fail():
    raise KeyError("no such size")

class Written(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3)

    def call(self, images):
        return self.conv(images)

def write():
    return Written()

def dense():
    return keras.Sequential([keras.Input((4,)), layers.Dense(2)])
"""
QUICK = ("--benchmark-max-time=0.02", "--benchmark-quiet", "--model-batch=2", "-k", "not ceiling")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The folder of a run on the network above, and what it printed."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "net.py").write_text(CODE)
    done = pytest_bench(folder / "saved", "--model", f"{folder}/net.py:build", "--benchmark-autosave", *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def networks(measured):
    return {one.direction: one for one in build_networks(load_results(find_files([measured[0] / "saved"])))}


def test_a_network_is_measured_in_three_directions_with_its_variants(networks):
    assert list(networks) == ["inference", "training", "training with Adam"]
    for network in networks.values():
        assert (network.name, network.batch, network.inputs) == ("net.build", 2, ("12x12x3",))
        changes = {variant.variant: variant.converted for variant in network.variants}
        assert changes["as it is"] == ()
        assert changes["dense"] == ("separable", "depthwise")
        assert changes["separable"] == ("conv",)


def test_every_layer_that_can_change_was_measured_alone(networks):
    for direction, network in networks.items():
        alone = {layer.found.name: layer.alone_seconds for layer in network.layers if layer.found.becomes}
        assert list(alone) == ["conv", "separable", "depthwise"]
        assert all(alone.values())
        predicted = {bool(variant.predicted_ratio) for variant in network.variants if variant.converted}
        # The layers alone were measured without an optimizer.
        assert predicted == {direction != "training with Adam"}


def test_what_stays_is_told_with_its_reason(networks):
    reasons = {layer.found.name: layer.reason for layer in networks["training"].layers}
    assert reasons["transposed"] == "there is no separable Conv2DTranspose"


def test_a_trace_says_what_layers_take_inside_the_network(networks):
    for direction in ("inference", "training"):
        network = networks[direction]
        taken = {layer.found.name: layer.in_network_seconds for layer in network.layers}
        assert all(taken[name] > 0 for name in ("conv", "separable", "depthwise", "transposed"))
        assert network.accounted >= 0.95


def test_parameters_and_multiplications_are_those_of_the_variants(networks):
    dense, as_it_is = (networks["training"].find_variant(name) for name in ("dense", "as it is"))
    # 9 * 64 + 8 for each of the two, in place of 72 + 64 + 8 and of (72 + 8) + 32 + (64 + 8).
    assert dense.parameters - as_it_is.parameters == 2 * 584 - 144 - 184
    # One for each of 2 * 12 * 12 pixels and each weight of a kernel.
    assert dense.multiplications - as_it_is.multiplications == 288 * 2 * (576 - 136)


def test_the_command_tells_it_and_writes_it_for_programs(measured, tmp_path):
    done = CliRunner().invoke(
        main, ["network", str(measured[0] / "saved"), "--json", str(tmp_path / "n.json")]
    )
    assert done.exit_code == 0, done.output
    assert "net.build, training" in done.output
    written = json.loads((tmp_path / "n.json").read_text())["networks"]
    assert [network["direction"] for network in written] == ["inference", "training", "training with Adam"]


def test_the_report_begins_with_the_network(measured, tmp_path):
    done = CliRunner().invoke(
        main, ["report", str(measured[0] / "saved"), "--output", str(tmp_path / "report")]
    )
    assert done.exit_code == 0, done.output
    assert "net.build" in done.output.splitlines()[-4]
    assert "Your network" in (tmp_path / "report/index.html").read_text()


def test_a_subclassed_model_is_measured_as_it_is(measured, tmp_path):
    model = ("--model", f"{measured[0]}/net.py:write", "--model-input=12x12x3", "--directions=forward")
    done = pytest_bench(tmp_path, *model, "--benchmark-autosave", *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    (network,) = build_networks(load_results(find_files([tmp_path])))
    assert {variant.converted for variant in network.variants} == {()}
    assert "its own call decides" in network.layers[0].reason


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("absent.keras", "cannot read absent.keras: No such file or directory"),
        ("{folder}/net.py:dense", "has no convolution"),
    ],
)
def test_what_is_no_network_is_one_sentence_and_nothing_is_saved(measured, tmp_path, model, sentence):
    done = pytest_bench(tmp_path, "--model", model.format(folder=measured[0]), "--benchmark-autosave", *QUICK)
    assert done.returncode == 2, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert sentence in said
    assert "Traceback" not in said
    assert not list(tmp_path.rglob("*.json"))


def test_a_network_too_large_for_memory_is_refused_before_anything_is_measured(measured, tmp_path):
    done = pytest_bench(
        tmp_path, "--model", f"{measured[0]}/net.py:build", "--model-batch", "1000000000", "-k", "training"
    )
    assert done.returncode == 2
    assert "GiB are free: give a smaller --model-batch" in done.stdout + done.stderr


def test_the_traceback_of_the_users_code_is_there_for_the_asking(measured, tmp_path):
    done = pytest_bench(tmp_path, "--model", f"{measured[0]}/net.py:fail", "--verbose", *QUICK)
    assert done.returncode == 2
    assert 'raise KeyError("no such size")' in done.stdout + done.stderr
    assert "net.py:fail failed: KeyError" in done.stdout + done.stderr


def test_a_network_that_people_asked_about_can_be_collected(tmp_path):
    model = "docs/reproducers/mobilevit.py:build"
    done = pytest_bench(tmp_path, "--model", model, "--model-input=64x64x3", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mobilevit.build-training-recommended" in done.stdout
