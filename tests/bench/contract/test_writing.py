import os

import pytest

from bench.contract.writing import replace_file, replace_files


def list_names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path, durable):
    file = tmp_path / "folder" / "file"
    replace_file(file, b"old", durable=durable)
    replace_file(file, b"new", durable=durable)
    assert file.read_bytes() == b"new"
    assert list_names(file.parent) == ["file"]


def test_a_disk_that_is_full_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "file"
    replace_file(file, b"old")

    def fail(number):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new", durable=True)
    assert file.read_bytes() == b"old"
    assert list_names(tmp_path) == ["file"]


def test_several_files_are_all_written_before_any_gets_its_name(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken"):
        replace_files({tmp_path / "first": b"1", tmp_path / "taken" / "second": b"2"})
    assert list_names(tmp_path) == ["taken"]


def test_files_get_their_names_in_order(tmp_path, monkeypatch):
    named, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (named.append(new.name), replace(old, new)))
    replace_files({tmp_path / name: b"" for name in "bac"})
    assert named == ["b", "a", "c"]
    assert list_names(tmp_path) == ["a", "b", "c"]
