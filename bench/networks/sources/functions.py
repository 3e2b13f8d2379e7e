"""``--model FILE.py:function`` and ``--model package.module:function``: the user's own code."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.contract.fingerprint import compute_digest
from bench.networks.sources.errors import ModelError, describe_error


def build_from_code(where: str, name: str, input_shapes: Sequence[tuple[int, ...]]) -> Any:
    """The model that ``name`` makes, or is, in the file or module ``where``.

    A function is called without arguments, or with ``input_shape`` where it has such a parameter and shapes
    are given: one shape, or a list of several. Raises :class:`ModelError`.
    """
    import keras

    module = _import_file(Path(where)) if where.endswith(".py") else _import_module(where)
    found = _find(module, where, name)
    if isinstance(found, keras.Model):
        return found
    if not callable(found):
        raise ModelError(f"{where}:{name} is {_name_type(found)}, neither a function nor a Keras model")
    arguments = _choose_arguments(f"{where}:{name}", found, input_shapes)
    with _wrap_errors(f"{where}:{name} failed"):
        made = found(**arguments)
    if not isinstance(made, keras.Model):
        raise ModelError(f"{where}:{name} returned {_name_type(made)}, not a Keras model")
    return made


def _import_file(path: Path) -> ModuleType:
    """The module in ``path``; the one that was made of it before, where there is one."""
    if not os.path.isfile(path):  # takes names that no file can have, which Path.is_file does not
        raise ModelError(f"there is no file {path}")
    path = path.resolve()
    name = f"bench_model_{compute_digest({'path': str(path)})}"
    if name in sys.modules:  # Keras 2 refuses to register the same class twice
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _importable(path.parent), _wrap_errors(f"importing {path.name} failed"):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import_module(name: str) -> ModuleType:
    """The module ``name``, of the working folder or installed."""
    with _importable(), _wrap_errors(f"importing {name} failed"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and f"{name}.".startswith(f"{error.name}."):
                words = "neither in the working folder nor installed"
                raise ModelError(f"there is no module {error.name}, {words}") from error
            raise


@contextmanager
def _importable(*folders: Path) -> Iterator[None]:
    """Let ``folders`` and the working folder be imported from: for good, where nothing fails inside.

    What a model imports only when it is called must be found too.
    """
    before = list(sys.path)
    for folder in (str(Path.cwd()), *map(str, folders)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        sys.path[:] = before
        raise


@contextmanager
def _wrap_errors(what: str) -> Iterator[None]:
    """Raise what the user's code raises, or its wish to exit, as one sentence that starts with ``what``."""
    try:
        yield
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(f"{what}: {describe_error(error)}") from error


def _find(module: ModuleType, where: str, name: str) -> Any:
    """What ``module`` calls ``name``."""
    try:
        return getattr(module, name)
    except AttributeError:
        close = difflib.get_close_matches(name, dir(module), n=1)
        hint = f": did you mean {close[0]}?" if close else ""
        raise ModelError(f"{where} has no {name}{hint}") from None


def _choose_arguments(
    what: str, function: Callable[..., Any], input_shapes: Sequence[tuple[int, ...]]
) -> dict[str, Any]:
    """What ``function`` is called with."""
    try:
        parameter = inspect.signature(function).parameters.get("input_shape")
    except (TypeError, ValueError):  # Python cannot see the parameters of everything that can be called
        parameter = None
    if parameter is None:
        return {}
    if input_shapes:
        return {"input_shape": input_shapes[0] if len(input_shapes) == 1 else list(input_shapes)}
    if parameter.default is inspect.Parameter.empty:
        raise ModelError(f"{what} needs an input_shape: give --model-input, such as 96x96x3")
    return {}


def _name_type(value: Any) -> str:
    """``None``, or the class of ``value`` with its module."""
    if value is None:
        return "None"
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"an object of type {name}"
