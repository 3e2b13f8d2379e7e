import numpy as np
import pytest

from bench.networks.inputs import draw_inputs, parse_input_shapes
from bench.networks.loading import Network, load_network

keras = pytest.importorskip("keras")
layers = keras.layers


def make(inputs, *shapes):
    """A network of one number a sample that reads ``inputs``: tensors in whichever structure."""
    tensors = list(inputs.values()) if isinstance(inputs, dict) else inputs
    tensors = list(tensors) if isinstance(tensors, list | tuple) else [tensors]
    parts = [layers.Dense(1)(layers.Flatten()(layers.Embedding(2, 3)(tensor))) for tensor in tensors]
    outputs = layers.Add()(parts) if len(parts) > 1 else parts[0]
    return Network("made", "made", keras.Model(inputs, outputs), 2, shapes)


def name(letter, *shape, dtype="float32"):
    return keras.Input(shape, name=letter, dtype=dtype)


def plain(inputs, shape):
    return Network("made", "made", keras.Model(inputs, layers.Dense(1)(inputs)), 2, (shape,))


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        (None, ()),
        ("96x96x3", ((96, 96, 3),)),
        ("96x96x3,10", ((96, 96, 3), (10,))),
        (" 8 , 9x1 ", ((8,), (9, 1))),
    ],
)
def test_sizes_of_inputs_are_read(text, shapes):
    assert parse_input_shapes(text) == shapes


@pytest.mark.parametrize(
    "text", ["", ",", "8,", "0x8", "-8", "8x", "x8", "8X8", "8 x8", "1.5", "?x8", "eight", "²", "9" * 5000]
)
def test_what_are_no_sizes_is_refused(text):
    with pytest.raises(ValueError, match=r"^--model-input must be sizes such as 96x96x3, .*, not '"):
        parse_input_shapes(text)


def test_one_input_is_an_array_of_normal_numbers_and_always_the_same():
    network = plain(keras.Input((50, 40)), (50, 40))
    drawn = draw_inputs(network)
    assert (drawn.shape, drawn.dtype) == ((2, 50, 40), np.float32)
    assert abs(drawn.mean()) < 0.1
    assert drawn.std() == pytest.approx(1, abs=0.1)
    assert np.array_equal(drawn, draw_inputs(network))
    assert draw_inputs(network, batch=5).shape == (5, 50, 40)


def test_one_input_in_a_list_is_an_array_too():
    tensor = keras.Input((4,))
    network = Network("made", "made", keras.Model([tensor], layers.Dense(1)(tensor)), 2, ((4,),))
    assert draw_inputs(network).shape == (2, 4)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_whole_numbers_are_zeros_and_ones(dtype):
    tensor = keras.Input((100,), dtype=dtype)
    numbers = layers.Dense(1)(layers.Embedding(2, 3)(tensor))
    drawn = draw_inputs(Network("made", "made", keras.Model(tensor, numbers), 2, ((100,),)))
    assert drawn.dtype == np.dtype(dtype)
    assert set(drawn.astype(int).ravel().tolist()) == {0, 1}


def test_what_an_embedding_reads_is_whole_though_it_says_otherwise(tmp_path):
    (tmp_path / "net.py").write_text(
        "import keras\n"
        "def build(): return keras.Sequential([keras.layers.Embedding(2, 3), keras.layers.Conv1D(4, 3)])\n"
    )
    network = load_network(f"{tmp_path}/net.py:build", 2, ((50,),), unsafe=False)
    for found in (network, make(keras.Input((50,)), (50,))):
        drawn = draw_inputs(found)
        assert set(drawn.ravel().tolist()) == {0, 1}
        assert np.isfinite(found.keras_model.predict(drawn, verbose=0)).all()


@pytest.mark.parametrize("kind", [list, tuple])
def test_several_inputs_keep_their_order(kind):
    network = make(kind([name("z", 4), name("a", 5)]), (4,), (5,))
    drawn = draw_inputs(network)
    assert type(drawn) is kind
    assert [array.shape for array in drawn] == [(2, 4), (2, 5)]
    assert tuple(network.keras_model(drawn).shape) == (2, 1)


def test_inputs_by_name_are_drawn_by_name():
    network = make({"z": name("z", 4), "a": name("a", 5, dtype="int32")}, (5,), (4,))
    assert [tensor.shape[-1] for tensor in network.keras_model.inputs] == [5, 4]
    drawn = draw_inputs(network)
    assert {key: array.shape for key, array in drawn.items()} == {"z": (2, 4), "a": (2, 5)}
    assert tuple(network.keras_model(drawn).shape) == (2, 1)


def test_one_input_by_name_stays_a_dictionary():
    assert {key: array.shape for key, array in draw_inputs(make({"z": name("z", 4)}, (4,))).items()} == {
        "z": (2, 4)
    }


def test_a_subclassed_model_is_given_what_it_was_built_for():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, parts):
            return self.dense(parts["z"]) * self.dense(parts["a"])

    net = Net()
    assert type(draw_inputs(Network("net", "net", net, 2, ((4,), (4,))))) is list
    net({"z": np.zeros((1, 4), "float32"), "a": np.zeros((1, 4), "float32")})
    drawn = draw_inputs(Network("net", "net", net, 3, ((4,), (4,))))
    assert {key: array.shape for key, array in drawn.items()} == {"z": (3, 4), "a": (3, 4)}
    assert not np.array_equal(drawn["z"], drawn["a"])
