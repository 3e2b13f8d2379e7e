from pathlib import Path

import numpy as np
import pytest

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


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(TraceError, match=r"cannot read .*gone"):
        xplane.read_xplane(tmp_path / "gone")
