import sys

import pytest

from bench.networks.sources.errors import ModelError
from bench.networks.sources.functions import build_from_code

pytest.importorskip("keras")

MODEL = "keras.Sequential([keras.layers.Input(input_shape), keras.layers.Dense(1)])"


@pytest.fixture(autouse=True)
def _own_imports(monkeypatch, tmp_path):
    """What a test imports, and from where, is its own; its folder is the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in [name for name in sys.modules if name.startswith(("bench_model_", "made_"))]:
        del sys.modules[name]


def write(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"import keras\n{body}\n", encoding="utf-8")


def refuse(where, name="build", shapes=()):
    with pytest.raises(ModelError) as caught:
        build_from_code(str(where), name, shapes)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value), caught.value.__cause__


def test_a_function_in_a_file_is_called_with_the_shape_given(tmp_path):
    write(tmp_path / "net.py", f"def build(input_shape=(4,)): return {MODEL}")
    assert build_from_code("net.py", "build", ()).input_shape == (None, 4)
    assert build_from_code("net.py", "build", [(5,)]).input_shape == (None, 5)


def test_several_shapes_are_given_as_a_list(tmp_path):
    write(tmp_path / "net.py", "def build(*, input_shape): raise ValueError(input_shape)")
    assert refuse("net.py", shapes=[(4,), (5, 3)])[0].endswith("ValueError: [(4,), (5, 3)]")


def test_a_shape_that_a_function_needs_is_asked_for(tmp_path):
    write(tmp_path / "net.py", f"def build(input_shape): return {MODEL}")
    assert refuse("net.py")[0] == "net.py:build needs an input_shape: give --model-input, such as 96x96x3"


def test_a_file_imports_from_its_own_folder_also_when_it_is_called(tmp_path):
    write(tmp_path / "a" / "parts_of_it.py", "input_shape = (6,)")
    write(tmp_path / "a" / "net.py", f"def build():\n  from parts_of_it import input_shape\n  return {MODEL}")
    assert build_from_code("a/net.py", "build", ()).input_shape == (None, 6)
    assert build_from_code(str(tmp_path / "a" / "net.py"), "build", ()).input_shape == (None, 6)


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path):
    for size in (4, 5):
        write(tmp_path / str(size) / "net.py", f"input_shape = ({size},)\ndef build(): return {MODEL}")
    assert build_from_code("4/net.py", "build", ()).input_shape == (None, 4)
    assert build_from_code("5/net.py", "build", ()).input_shape == (None, 5)


def test_a_file_is_run_once_so_that_keras_2_can_register_its_classes(tmp_path):
    write(
        tmp_path / "net.py",
        "input_shape = (4,)\n"
        '@keras.utils.register_keras_serializable("once")\n'
        "class Part(keras.layers.Layer): pass\n"
        f"def build(): return {MODEL}",
    )
    assert build_from_code("net.py", "build", ()) is not build_from_code("./net.py", "build", ())


def test_a_module_of_the_working_folder_is_found(tmp_path):
    write(tmp_path / "made_package" / "__init__.py", "")
    write(tmp_path / "made_package" / "net.py", f"def build(input_shape=(4,)): return {MODEL}")
    assert build_from_code("made_package.net", "build", ()).input_shape == (None, 4)


def test_a_model_of_a_module_is_taken_as_it_is(tmp_path):
    write(tmp_path / "net.py", f"input_shape = (4,)\nnet = {MODEL}")
    assert build_from_code("net.py", "net", ()).input_shape == (None, 4)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("none.py", "there is no file none.py"),
        ("no\0ne.py", "there is no file no?ne.py"),
        ("a" * 5000 + ".py", "there is no file aaa"),
        ("made_nowhere", "there is no module made_nowhere, neither in the working folder nor installed"),
        ("made_nowhere.net", "there is no module made_nowhere, neither"),
        ("keras.made_nowhere", "there is no module keras.made_nowhere, neither"),
    ],
)
def test_code_that_is_not_there_is_said_to_be_missing(where, words):
    assert words in refuse(where)[0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("def biuld(): pass", "net.py has no build: did you mean biuld?"),
        ("def other(): pass", "net.py has no build"),
        ("build = 3", "net.py:build is an object of type int, neither a function nor a Keras model"),
        ("def build(): pass", "net.py:build returned None, not a Keras model"),
        ("def build(): return keras.layers.ReLU()", "ReLU, not a Keras model"),
        ("def build(): return [1]", "net.py:build returned an object of type list, not a Keras model"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, body, words):
    write(tmp_path / "net.py", body)
    assert words in refuse("net.py")[0]


@pytest.mark.parametrize(
    ("body", "words", "kind"),
    [
        ("def build(): raise ValueError('1\\n2')", "net.py:build failed: ValueError: 1", ValueError),
        ("def build(): assert not keras", "net.py:build failed: AssertionError: no message", AssertionError),
        ("def build(): raise SystemExit(3)", "net.py:build failed: SystemExit: 3", SystemExit),
        ("def build(size): pass", "net.py:build failed: TypeError: build() missing 1 required", TypeError),
        ("import made_nowhere", "importing net.py failed: ModuleNotFoundError: No module named", ImportError),
        ("import sys; sys.exit('bye')", "importing net.py failed: SystemExit: bye", SystemExit),
        ("def build(:", "importing net.py failed: SyntaxError: invalid syntax", SyntaxError),
        ("raise KeyError('\\033[31m')", "importing net.py failed: KeyError: '\\x1b[31m'", KeyError),
        ("raise RuntimeError('\\033[31m\\a!')", "importing net.py failed: RuntimeError: ?!", RuntimeError),
    ],
)  # fmt: skip
def test_code_that_fails_is_told_with_its_own_error(tmp_path, body, words, kind):
    write(tmp_path / "net.py", body)
    before = set(sys.modules), list(sys.path)
    sentence, cause = refuse("net.py")
    assert sentence.startswith(words)
    assert isinstance(cause, kind)
    if sentence.startswith("importing"):
        assert (set(sys.modules), sys.path) == before


def test_what_a_layer_says_is_told_and_not_that_keras_called_it(tmp_path):
    write(
        tmp_path / "net.py",
        "def build(): keras.layers.Conv2D(4, 3)(keras.Input((2, 2, 3)))",
    )
    words, _ = refuse("net.py")
    assert words.startswith("net.py:build failed: ValueError: ")
    assert "Exception encountered" not in words
    assert "[1m" not in words


def test_a_module_that_fails_is_not_left_half_imported(tmp_path):
    write(tmp_path / "made_package" / "__init__.py", "")
    write(tmp_path / "made_package" / "net.py", "import made_nowhere")
    assert refuse("made_package.net")[0] == (
        "importing made_package.net failed: ModuleNotFoundError: No module named 'made_nowhere'"
    )
    assert "made_package.net" not in sys.modules


def test_an_interruption_is_no_error_of_the_code(tmp_path):
    write(tmp_path / "net.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        build_from_code("net.py", "build", ())
