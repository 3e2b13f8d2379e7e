import gzip
from pathlib import Path

import numpy as np
import pytest

from analysis.traces.captured_steps import read_steps
from analysis.traces.formats import xplane
from analysis.traces.line import TraceError
from tests.analysis import made_traces

REAL = sorted(Path(__file__).parents[2].glob("data/traces/*/plugins/profile/*/*.xplane.pb"))


def save(folder, content):
    file = folder / "host.xplane.pb"
    file.write_bytes(content)
    return file


def test_events_come_sorted_with_their_names_and_times(tmp_path):
    file = save(
        tmp_path, made_traces.space({"a": [("later", 5, 6), ("first", 1, 4), ("inside", 1, 2)], "b": []})
    )
    (line,) = xplane.read_xplane(file)
    assert (line.plane, line.name) == ("/host:CPU", "a")
    assert list(line.names) == ["first", "inside", "later"]
    assert np.allclose(line.starts - line.starts[0], [0, 0, 0.004])
    assert np.allclose(line.ends - line.starts, [0.003, 0.001, 0.001])


def test_there_are_real_traces_to_test_with():
    assert len(REAL) >= 3


@pytest.mark.parametrize("file", REAL, ids=lambda file: file.parts[-5])
def test_a_real_trace_is_read(file):
    names = {name for line in xplane.read_xplane(file) for name in line.names}
    runtime = "ThunkExecutor::Execute" if "/jax-" in str(file) else "TFE_Py_FastPathExecute_C"
    assert {"bench_step", runtime} <= names


@pytest.mark.parametrize("file", REAL[:1], ids=lambda file: file.parts[-5])
def test_a_trace_cut_off_anywhere_is_refused_by_name(tmp_path, file):
    content = file.read_bytes()
    for length in {0, 1, 10, len(content) // 3, len(content) // 2, len(content) - 1}:
        with pytest.raises(TraceError, match=r"host\.xplane\.pb is"):
            xplane.read_xplane(save(tmp_path, content[:length]))


@pytest.mark.parametrize(
    "content", [b"", b"hello, world", b'{"a": 1}', b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(1000)]
)
def test_a_foreign_file_is_refused_by_name(tmp_path, content):
    with pytest.raises(TraceError, match=r"host\.xplane\.pb is"):
        xplane.read_xplane(save(tmp_path, content))


def save_packed(folder, content):
    file = folder / "host.xplane.pb.gz"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("file", REAL[:1], ids=lambda file: file.parts[-5])
def test_a_packed_trace_is_read_as_the_trace_itself(tmp_path, file):
    packed = save_packed(tmp_path, gzip.compress(file.read_bytes()))
    whole = xplane.read_xplane(file)
    found = xplane.read_xplane(packed)
    assert [line.name for line in found] == [line.name for line in whole]
    for one, other in zip(found, whole, strict=True):
        assert list(one.names) == list(other.names)
        assert np.array_equal(one.starts, other.starts)


def test_a_packed_trace_in_its_folder_is_found(tmp_path):
    folder = tmp_path / "plugins" / "profile" / "one"
    folder.mkdir(parents=True)
    step = made_traces.graph_step(0, [("conv:Conv2D", 1, 2)])
    save_packed(folder, gzip.compress(made_traces.space(step)))
    assert [one.name for one in read_steps(tmp_path).operations] == ["Conv2D"]


@pytest.mark.parametrize("file", REAL[:1], ids=lambda file: file.parts[-5])
def test_a_packed_trace_cut_off_anywhere_is_refused_by_name(tmp_path, file):
    content = gzip.compress(file.read_bytes())
    for length in {0, 1, 10, len(content) // 3, len(content) // 2, len(content) - 1}:
        with pytest.raises(TraceError, match=r"host\.xplane\.pb\.gz is"):
            xplane.read_xplane(save_packed(tmp_path, content[:length]))


@pytest.mark.parametrize(
    "content", [b"hello, world", gzip.compress(b"hello, world", mtime=0), b"\x1f\x8b" + bytes(99)]
)
def test_a_packed_foreign_file_is_refused_by_name(tmp_path, content):
    with pytest.raises(TraceError, match=r"host\.xplane\.pb\.gz is"):
        xplane.read_xplane(save_packed(tmp_path, content))


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(TraceError, match=r"cannot read .*gone"):
        xplane.read_xplane(tmp_path / "gone")
