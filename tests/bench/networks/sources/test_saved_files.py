import json
import sys
import zipfile

import pytest

from bench.networks.sources.errors import ModelError
from bench.networks.sources.saved_files import load_saved_model

keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")
layers = keras.layers

KERAS_3 = int(keras.__version__.partition(".")[0]) >= 3


class Unregistered(layers.Layer):
    def call(self, inputs):
        return inputs


def double(inputs):
    return inputs * 2


@keras.utils.register_keras_serializable("tests_of_saved_files")
class Registered(Unregistered):
    pass


def save(path, *parts):
    """A saved model of ``parts`` and a dense layer; ``.keras`` as an archive in every release."""
    model = keras.Sequential([layers.Input((4,)), *parts, layers.Dense(1, name="last")])
    asks = path.suffix == ".keras" and keras.__version__.startswith("2.12.")
    model.save(path, **({"save_format": "keras_v3"} if asks else {}))
    return path


def refuse(path, unsafe=False):
    with pytest.raises(ModelError) as caught:
        load_saved_model(path, unsafe=unsafe)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def change_config(path, change):
    """``path`` with ``change`` of the text that says what the model is."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents["config.json"] = change(contents["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


both = pytest.mark.parametrize("name", ["net.keras", "net.h5"])


@both
def test_a_saved_model_is_loaded_and_not_compiled(tmp_path, name):
    model = load_saved_model(save(tmp_path / name, Registered()), unsafe=False)
    assert model.input_shape == (None, 4)
    assert not getattr(model, "optimizer", None)


@both
def test_code_in_a_file_is_only_run_where_the_user_trusts_it(tmp_path, name):
    path = save(tmp_path / name, layers.Lambda(lambda x: x * 2, name="double"))
    assert refuse(path) == (
        f"{path} holds Python code (layer double), which loading it may run: "
        "give --model-unsafe too if you trust the file"
    )
    assert load_saved_model(path, unsafe=True).get_layer("double") is not None


def test_code_in_a_model_within_a_model_is_found(tmp_path):
    inner = keras.Sequential([layers.Input((4,)), layers.Lambda(lambda x: x * 2, name="double")])
    assert "holds Python code (layer double)" in refuse(save(tmp_path / "net.h5", inner))


@both
@pytest.mark.parametrize("unsafe", [False, True])
def test_a_class_that_is_not_registered_is_named(tmp_path, name, unsafe):
    words = refuse(save(tmp_path / name, Unregistered()), unsafe)
    assert "needs Unregistered" in words
    advice = "does not know: give a function that builds the model, FILE.py:function"
    assert words.endswith(f", which Keras {keras.__version__} {advice}")


@both
def test_a_function_that_is_not_registered_is_refused(tmp_path, name):
    words = refuse(save(tmp_path / name, layers.Dense(1, activation=double)))
    assert "double" in words or "needs a function, which" in words


def test_a_module_that_a_file_names_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "made_module.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    path = save(tmp_path / "net.keras", Registered())
    named = '"module": "made_module", "class_name": "Layer", "registered_name": "x>Layer", "config": {}'
    change_config(path, lambda text: text.replace('"layers": [', '"layers": [{' + named + "}, "))
    assert "net.keras needs Layer of the module made_module, which Keras " in refuse(path)
    assert "made_module" not in sys.modules


@pytest.mark.parametrize("registered", [["Layer"], {"a": 1}, 3, None])
def test_nonsense_in_the_place_of_a_name_is_refused(tmp_path, registered):
    path = save(tmp_path / "net.keras", Registered())
    odd = json.dumps({"module": "made", "class_name": "Layer", "registered_name": registered})
    change_config(path, lambda text: text.replace('"layers": [', f'"layers": [{odd}, '))
    assert "needs Layer of the module made" in refuse(path)


@both
def test_a_file_that_is_cut_off_is_refused(tmp_path, name):
    path = save(tmp_path / name)
    content = path.read_bytes()
    for length in (0, 3, 100, len(content) // 2, len(content) - 10):
        path.write_bytes(content[:length])
        assert str(path) in refuse(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("net.keras", b"hello", "is no model that Keras saved, or it is cut off"),
        ("net.h5", b"\x80\x05hello", "is no model that Keras saved, or it is cut off"),
        ("net.onnx", b"\x08\x09", "is no model that Keras saved, or it is cut off"),
        ("none.keras", None, "none.keras: No such file or directory"),
        (".", None, "Is a directory"),
        ("no\0ne.keras", None, "cannot read "),
    ],
)
def test_what_is_no_saved_model_is_refused(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert words in refuse(tmp_path / name)


def test_an_archive_without_a_model_is_refused(tmp_path):
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.json", "{}")
    assert "is a zip archive without a Keras model" in refuse(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[" * 100_000)
        archive.writestr("metadata.json", "[]")
    assert f"cannot read {path}: " in refuse(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[]")
        archive.writestr("metadata.json", '{"keras_version": "9.1"}')
    assert f"cannot load {path}, which Keras 9.1 saved: " in refuse(path)


def test_weights_alone_are_no_model(tmp_path):
    path = tmp_path / "net.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/last/vars/0", data=[1.0])
    assert "holds no model, at most weights: give a function" in refuse(path)


def test_an_archive_of_another_name_is_told_the_right_one(tmp_path):
    path = save(tmp_path / "net.keras").rename(tmp_path / "net.zip")
    assert refuse(path) == f"{path} is a zip archive: Keras reads it where its name ends in .keras"


@pytest.mark.skipif(not KERAS_3, reason="Keras 2 saves HDF5 under this name itself, and reads it")
def test_hdf5_that_is_called_keras_is_told_the_right_name(tmp_path):
    path = save(tmp_path / "net.h5").rename(tmp_path / "net.keras")
    assert refuse(path) == f"{path} is an HDF5 file: Keras reads it where its name ends in .h5"


def test_weights_that_do_not_fit_are_told_in_keras_own_words(tmp_path):
    path = save(tmp_path / "net.keras")
    change_config(path, lambda text: text.replace('"units": 1', '"units": 2'))
    assert refuse(path).startswith(f"Keras {keras.__version__} cannot load {path}, which Keras ")


def test_a_model_of_a_release_that_keeps_its_classes_elsewhere_is_told_without_its_whole_config(tmp_path):
    path = save(tmp_path / "net.keras")
    change_config(path, lambda text: text.replace('{"module": "keras"', '{"module": "keras.made_nowhere"', 1))
    words = refuse(path)
    assert words.startswith(f"Keras {keras.__version__} cannot load {path}, which Keras ")
    assert words.endswith("its parent module keras.made_nowhere cannot be imported.")
