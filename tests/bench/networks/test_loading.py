import numpy as np
import pytest

from bench.networks.loading import ModelError, Network, load_network

pytest.importorskip("keras")


def load(text, *shapes, batch=2, unsafe=False):
    return load_network(str(text), batch, shapes, unsafe=unsafe)


def refuse(text, *shapes, **options):
    with pytest.raises(ModelError) as caught:
        load(text, *shapes, **options)
    (line,) = str(caught.value).splitlines()
    return line


def write(folder, body, name="net.py"):
    path = folder / name
    path.write_text(f"import keras\nlayers = keras.layers\n{body}", encoding="utf-8")
    return path


def write_build(folder, expression, before=""):
    """A file with a function ``build`` that returns ``expression``."""
    return f"{write(folder, f'{before}def build():  return {expression}')}:build"


def sequence(*first):
    return f"keras.Sequential([{', '.join([*first, 'layers.Conv2D(4, 3)'])}])"


#: Subclassed: of one image, and of two in a dictionary.
OF_ONE = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3)
    def call(self, image):
        return self.conv(image)
"""
OF_TWO = OF_ONE.replace("image):", "images):").replace("(image)", '(images["b"]) + self.conv(images["a"])')
BUILT = """
def build():
    import numpy
    net = Net()
    image = numpy.zeros((1, 8, 9, 3), "float32")
    net({"b": image, "a": image} if IS_TWO else image)
    return net
"""


def test_an_application_is_built_for_the_size_asked_for():
    network = load("keras.applications:MobileNet", (32, 32, 3))
    assert network == Network(
        "MobileNet", "keras.applications:MobileNet", network.keras_model, 2, ((32, 32, 3),)
    )
    assert network.keras_model.input_shape == (None, 32, 32, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keras.applications:mobileNet", "has no 'mobileNet'; did you mean MobileNet?"),
        ("keras.applications:", "has no ''; there are: "),
        ("keras.applications:resnet", "has no 'resnet'; did you mean ResNet"),
        ("keras.applications:__builtins__", "has no '__builtins__'"),
    ],
)
def test_an_application_that_keras_does_not_have_is_refused_with_those_it_has(text, words):
    assert words in refuse(text)


def test_an_application_says_itself_which_sizes_it_takes():
    assert refuse("keras.applications:MobileNet", (8, 8, 3)).startswith(
        "keras.applications:MobileNet failed: ValueError: "
    )
    assert "has one input, and --model-input gives 2" in refuse("keras.applications:MobileNet", (1,), (2,))


def test_names_and_weights_are_the_same_whenever_a_network_is_loaded(tmp_path):
    text = write_build(tmp_path, sequence("layers.Input((8, 8, 3))"))
    first, second = load(text).keras_model, load(text).keras_model
    assert first is not second
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers] == ["conv2d"]
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


def test_a_file_and_its_function_name_the_network(tmp_path):
    network = load(write_build(tmp_path, sequence("layers.Input((8, 8, 3))")))
    assert (network.name, network.batch, network.input_shapes) == ("net.build", 2, ((8, 8, 3),))
    network.keras_model.save(tmp_path / "my net.h5")
    assert load(tmp_path / "my net.h5").name == "my net"


@pytest.mark.parametrize(
    ("first", "given", "expected"),
    [
        ("layers.Input((8, 9, 3))", [], ((8, 9, 3),)),
        ("layers.Input((8, 9, 3))", [(8, 9, 3)], ((8, 9, 3),)),
        ("layers.Input((None, 9, 3))", [(16, 9, 3)], ((16, 9, 3),)),
        ("layers.Input((8, 9, 3), batch_size=2)", [], ((8, 9, 3),)),
        ("layers.ReLU()", [(8, 9, 3)], ((8, 9, 3),)),
    ],
)
def test_what_the_model_does_not_say_of_its_input_the_user_says(tmp_path, first, given, expected):
    network = load(write_build(tmp_path, sequence(first)), *given)
    assert network.input_shapes == expected
    assert network.keras_model.built


@pytest.mark.parametrize(
    ("first", "given", "words"),
    [
        ("layers.ReLU()", [], "input size is not known: give --model-input, such as 96x96x3"),
        ("layers.Input((None, 9, 3))", [], "input size is not known (?x9x3): give --model-input"),
        ("layers.Input((None, 9, 3))", [(9, 8, 3)], "9x8x3 contradicts the model, whose input is ?x9x3"),
        ("layers.Input((8, 9, 3))", [(8, 9)], "--model-input 8x9 contradicts the model"),
        ("layers.Input((8, 9, 3))", [(8, 9, 3), (1,)], "this model has 1 input, and --model-input gives 2"),
        ("layers.ReLU()", [(8, 9, 3), (1,)], "this model has 1 input, and --model-input gives 2"),
        ("layers.Input((8, 9, 3), batch_size=4)", [], "batch is 4, and not 2: give --model-batch 4"),
        ("layers.ReLU()", [(2, 2, 3)], "this model failed with input 2x2x3: "),
        ("layers.Input((None, None, 3))", [(2, 2, 3)], "this model failed with input 2x2x3: "),
    ],
)  # fmt: skip
def test_an_input_that_does_not_fit_the_model_is_refused(tmp_path, first, given, words):
    assert words in refuse(write_build(tmp_path, sequence(first)), *given)


def test_a_subclassed_model_is_built_by_calling_it(tmp_path):
    text = write_build(tmp_path, "Net()", OF_ONE)
    network = load(text, (8, 9, 3))
    assert network.input_shapes == ((8, 9, 3),)
    assert network.keras_model.count_params() == 3 * 3 * 3 * 4 + 4
    assert "input size is not known" in refuse(text)
    assert "this model failed with input 2x2x3: " in refuse(text, (2, 2, 3))


def test_a_subclassed_model_that_is_built_knows_its_input(tmp_path):
    path = write(tmp_path, OF_ONE + BUILT.replace("IS_TWO", "False"))
    assert load(f"{path}:build").input_shapes == ((8, 9, 3),)
    assert load(f"{path}:build", (16, 16, 3)).input_shapes == ((16, 16, 3),)


def test_a_subclassed_model_may_be_built_for_a_dictionary(tmp_path):
    path = write(tmp_path, OF_TWO + BUILT.replace("IS_TWO", "True"))
    assert load(f"{path}:build").input_shapes == ((8, 9, 3), (8, 9, 3))


def test_a_subclassed_model_may_call_anything_its_inputs(tmp_path):
    before = OF_ONE.replace("self.conv =", "self.inputs = 5; self.outputs = 'none'; self.conv =")
    assert load(write_build(tmp_path, "Net()", before), (8, 9, 3)).input_shapes == ((8, 9, 3),)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("keras.Sequential([layers.Input((4,)), layers.Flatten()])", "has no weights"),
        ("keras.Sequential([layers.Input((4,), dtype='string'), layers.Flatten()])", "input of type string"),
        ("keras.Sequential([layers.Input((4,)), layers.CategoryEncoding(3), Whole()])", "no floating-point"),
        ("keras.Sequential()", "input size is not known"),
    ],
)
def test_a_model_of_which_nothing_can_be_measured_is_refused(tmp_path, expression, words):
    whole = "class Whole(layers.Layer):\n  def call(self, x): return x > 0\n"
    assert words in refuse(write_build(tmp_path, expression, whole))


@pytest.mark.parametrize(
    "text", ["", "ResNet50", "keras.applications", ":", "a b:c", "net.py:", "net.py:a-b", ".net:build"]
)  # fmt: skip
def test_text_that_names_no_model_is_refused_with_what_can(text):
    assert refuse(text).startswith("--model must be a saved model (.keras, .h5), FILE.py:function, ")


def test_a_file_alone_is_told_that_a_function_is_missing():
    assert refuse("a/net.py") == "a/net.py needs the name of a function in it: a/net.py:function"


def test_a_hostile_name_is_printed_harmlessly(tmp_path):
    words = refuse(tmp_path / "evil\n\x1b[31mname.keras")
    assert "evil??[31mname.keras: No such file or directory" in words
    path = write(tmp_path, "net = keras.Sequential([layers.Input((4,)), layers.Dense(1)])", "evil\n.py")
    assert load(f"{path}:net").input_shapes == ((4,),)
    assert "evil?.py has no other" in refuse(f"{path}:other")
    load(f"{path}:net").keras_model.save(tmp_path / "evil\n.h5")
    assert load(tmp_path / "evil\n.h5").name == "evil?"
