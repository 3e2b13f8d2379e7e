"""A watched process's end, however it comes."""

import socket
import sys
from pathlib import Path

import pytest

from bench.processes.watched_process import Ending, WatchedProcess

#: Asks, waits until the answer is there, and dies without reading it.
DIES_UNREAD = """
import os, select, socket
link = socket.socket(fileno=int(os.environ["BENCH_SUPERVISOR_SOCKET"]))
link.sendall(b'{"start": true}\\n')
select.select([link], [], [])
os.kill(os.getpid(), 9)
"""


def test_a_process_that_dies_with_an_unread_answer_has_ended():
    process = WatchedProcess([sys.executable, "-c", DIES_UNREAD], case_timeout=60)
    assert process.receive() == {"start": True}
    process.send(together="a")
    ending = process.receive()
    assert isinstance(ending, Ending)
    assert ending.signal == 9


def remember_opened(monkeypatch):
    """The sockets that are made from now on."""
    made = []
    make_pair = socket.socketpair

    def make_and_remember():
        made.extend(make_pair())
        return made[-2:]

    monkeypatch.setattr(socket, "socketpair", make_and_remember)
    return made


@pytest.mark.parametrize("is_killed", [False, True])
def test_nothing_stays_open_when_a_process_has_ended(monkeypatch, tmp_path, is_killed):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = remember_opened(monkeypatch)
    process = WatchedProcess([sys.executable, "-c", "pass"], case_timeout=60)
    assert len(list(Path(tmp_path).iterdir())) == 1
    if is_killed:
        process.kill()
    else:
        assert isinstance(process.receive(), Ending)
    assert [one.fileno() for one in made] == [-1, -1]
    assert list(Path(tmp_path).iterdir()) == []
