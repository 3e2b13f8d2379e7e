"""``--model net.keras`` and ``--model net.h5``: models that Keras saved.

A saved model may hold Python code, which loading it runs. Keras 2 runs that of an ``.h5`` file whatever its
safe mode says, and imports the modules that an archive names. So this looks into a file before Keras does.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.networks.sources.errors import ModelError, describe_error

SUFFIXES = (".keras", ".h5", ".hdf5")
_CONFIG, _METADATA = "config.json", "metadata.json"
#: Layers that are code, wherever they keep it.
_CODE = ("__lambda__", "TFSMLayer", "TorchModuleWrapper")
#: The packages that Keras's own configurations name.
_KERAS = ("builtins", "keras", "keras_cv", "keras_hub", "keras_nlp", "tf_keras")
#: What Keras 2 and 3 say where they do not know a class or a function.
_UNKNOWN = re.compile(
    r"(?:Unknown [\w ]+:|Could not (?:locate|deserialize) (?:class|function)) '([^']{1,200})'"
)
_ADVICE = "give a function that builds the model, FILE.py:function"


def load_saved_model(path: Path, *, unsafe: bool) -> Any:
    """The Keras model in ``path``, not compiled. Code in it is only run where ``unsafe``.

    Raises :class:`ModelError`.
    """
    import keras

    config, saved_by = _read_config(path)
    if not unsafe:
        _refuse_code(path, config)
    _refuse_foreign(path, config)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=not unsafe)
    except Exception as error:  # whatever Keras, h5py and zipfile make of such a file
        raise ModelError(_explain(path, saved_by, error)) from error


def _read_config(path: Path) -> tuple[Any, str]:
    """What a file says of its model, as JSON has it, and the release of Keras that saved it."""
    import h5py

    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # a name that no file can have
        raise ModelError(f"cannot read {path}: {error}") from error
    try:
        if zipfile.is_zipfile(path):
            _check_suffix(path, "a zip archive", ".keras")
            return _read_archive(path)
        if h5py.is_hdf5(path):
            _check_hdf5_suffix(path)
            return _read_hdf5(path)
    except ModelError:
        raise
    except Exception as error:  # whatever h5py, zipfile and json make of a damaged file
        raise ModelError(f"cannot read {path}: {describe_error(error)}") from error
    raise ModelError(f"{path} is no model that Keras saved, or it is cut off")


def _check_suffix(path: Path, kind: str, *suffixes: str) -> None:
    if not path.name.endswith(suffixes):
        raise ModelError(f"{path} is {kind}: Keras reads it where its name ends in {suffixes[0]}")


def _check_hdf5_suffix(path: Path) -> None:
    """TensorFlow 2.12 saves HDF5 as ``net.keras`` too, and reads it whatever its name; Keras 3 does not."""
    import keras

    if int(keras.__version__.partition(".")[0]) >= 3:
        _check_suffix(path, "an HDF5 file", ".h5", ".hdf5")


def _read_archive(path: Path) -> tuple[Any, str]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if _CONFIG not in names:
            raise ModelError(f"{path} is a zip archive without a Keras model: it has no {_CONFIG}")
        metadata = json.loads(archive.read(_METADATA)) if _METADATA in names else {}
        return json.loads(archive.read(_CONFIG)), _name_release(metadata)


def _read_hdf5(path: Path) -> tuple[Any, str]:
    import h5py

    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
        if config is None:
            raise ModelError(f"{path} holds no model, at most weights: {_ADVICE}")
        return json.loads(config), _name_release(file.attrs)


def _name_release(metadata: Any) -> str:
    version = metadata.get("keras_version") if isinstance(metadata, Mapping) else None
    return f", which Keras {version} saved" if isinstance(version, str) else ""


def _refuse_code(path: Path, config: Any) -> None:
    """Raise where ``config`` holds code, in whichever release's manner."""
    for layer, part in _walk(config):
        kind = part.get("class_name")
        inner = part.get("config")
        # Keras 2: {"function": [code, ...], "function_type": "lambda"}
        marked = any(isinstance(key, str) and key.endswith("_type") and part[key] == "lambda" for key in part)
        dumped = kind == "Lambda" and isinstance(inner, dict) and isinstance(inner.get("function"), list)
        if kind in _CODE or marked or dumped:
            where = f" (layer {layer})" if layer else ""
            raise ModelError(
                f"{path} holds Python code{where}, which loading it may run: "
                "give --model-unsafe too if you trust the file"
            )


def _refuse_foreign(path: Path, config: Any) -> None:
    """Raise where ``config`` needs a class or function that is not of Keras, and that nothing has registered.

    A module that it names for that is not imported, whatever the user trusts: only Keras 2.12 would.
    """
    import keras

    known = keras.utils.get_custom_objects()
    for _, part in _walk(config):
        module, kind, registered = (part.get(name) for name in ("module", "class_name", "registered_name"))
        if not isinstance(kind, str) or (registered if isinstance(registered, str) else kind) in known:
            continue
        named = part.get("config") if kind == "function" else kind
        if module is None and isinstance(registered, str):
            raise ModelError(_describe_unknown(path, named))
        if isinstance(module, str) and module.partition(".")[0] not in _KERAS:
            raise ModelError(_describe_unknown(path, f"{named} of the module {module}"))


def _walk(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object in ``config``, with the name of the layer that it lies in."""
    waiting = [("", config)]  # no recursion: a file may be nested as deeply as it likes
    while waiting:
        layer, part = waiting.pop()
        if isinstance(part, dict):
            inner = part.get("config")
            name = inner.get("name") if isinstance(inner, dict) else part.get("name")
            layer = name if isinstance(name, str) else layer
            yield layer, part
            waiting.extend((layer, value) for value in part.values())
        elif isinstance(part, list):
            waiting.extend((layer, value) for value in part)


def _describe_unknown(path: Path, name: Any) -> str:
    import keras

    return f"{path} needs {name}, which Keras {keras.__version__} does not know: {_ADVICE}"


def _explain(path: Path, saved_by: str, error: Exception) -> str:
    """What ``error``, from loading, means for the user."""
    import keras

    words = str(error)
    unknown = _UNKNOWN.search(words)
    # A class of Keras itself that this release keeps elsewhere is another matter.
    if unknown and "parent module keras" not in words:
        name = unknown.group(1)
        return _describe_unknown(path, "a function" if name == "function" else name)
    if "safe_mode" in words:
        return f"{path} is only loaded with --model-unsafe, if you trust the file: {describe_error(error)}"
    return f"Keras {keras.__version__} cannot load {path}{saved_by}: {describe_error(error)}"
