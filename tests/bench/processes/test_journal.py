import errno
import fcntl
import os
import subprocess
import sys

import pytest

from bench.processes.deaths import Death, record_death
from bench.processes.journal import Journal, JournalError, list_journals, restore_journal
from bench.processes.records import append_record, count_kept, count_successes, read_records

CONTEXT = {"environment": "0123456789", "code": "abc"}


def opened(path, resume=True, **context):
    found = Journal(path, {**CONTEXT, **context}, resume=resume)
    found.begin_run({"shuffle_seed": 7})
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal" / "one.journal"


def filled(path, names="abc"):
    first = opened(path)
    for name in names:
        first.begin(name)
        first.keep(name, {"rounds": [0.1, 1 / 3], "name": name}, has_samples=True)
    first.close()


def test_what_was_kept_is_there_for_whoever_goes_on(path):
    filled(path)
    again = opened(path)
    assert again.take_up("b") == {"rounds": [0.1, 1 / 3], "name": "b"}
    assert again.take_up("d") is None
    assert again.count == 3
    assert again.first_run == {"shuffle_seed": 7}


def test_what_another_environment_or_other_code_measured_is_not_taken_up(path):
    filled(path)
    assert opened(path, code="other").take_up("a") is None


def test_a_new_run_sets_an_unfinished_one_aside(path):
    filled(path)
    anew = opened(path, resume=False)
    assert anew.take_up("a") is None
    assert anew.abandoned.exists()
    assert len(list(read_records(anew.abandoned))) == 7


def test_two_runs_do_not_share_a_journal(path):
    first = opened(path)
    with pytest.raises(JournalError, match="another run is measuring"):
        opened(path)
    first.close()
    opened(path)


def last_line(content):
    return content.rfind(b"\n", 0, len(content) - 1) + 1


def test_a_journal_cut_off_anywhere_in_its_last_record_loses_that_one_and_goes_on(path):
    filled(path)
    content = path.read_bytes()
    for length in range(last_line(content), len(content)):
        path.write_bytes(content[:length])
        again = opened(path)
        assert [again.take_up(name) is not None for name in "abc"] == [True, True, False]
        again.keep("c", {"again": True}, has_samples=True)
        again.close()
        assert opened(path).take_up("c") == {"again": True}


def test_damage_at_any_byte_of_the_last_record_loses_that_one_and_goes_on(path):
    filled(path)
    content = path.read_bytes()
    for place in range(last_line(content), len(content)):
        for byte in (0, content[place] ^ 1, ord("\n")):
            path.write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])
            if path.read_bytes() == content:
                continue
            again = opened(path)
            assert [again.take_up(name) is not None for name in "ab"] == [True, True]
            # The end of the last line is all that can be lost without losing the record.
            assert again.take_up("c") is None or place == len(content) - 1
            again.keep("c", {"again": True}, has_samples=True)
            again.close()
            assert opened(path).take_up("c") == {"again": True}


def test_damage_in_the_middle_loses_what_it_hit(path):
    filled(path)
    content = bytearray(path.read_bytes())
    content[content.rfind(b'"name":"b"}') + 3] ^= 1
    path.write_bytes(content)
    again = opened(path)
    assert [again.take_up(name) is not None for name in "abc"] == [True, False, True]


def died(path, name, signal=None, timeout=None, seen=True):
    """A process that measures ``name``, and what its supervisor saw of its death."""
    keys = []
    found = Journal(path, CONTEXT, resume=True, watch=lambda _, key, __: keys.append(key))
    found.begin_run({})
    found.begin(name)
    found.close()
    if seen:
        record_death(path, keys[-1], Death(signal=signal, timeout=timeout))


def test_what_killed_the_process_twice_is_not_tried_again(path):
    died(path, "a", signal=11)
    assert opened(path).explain_refusal("a") is None
    died(path, "a", signal=9)
    again = opened(path)
    assert again.explain_refusal("a") == "killed the process 2 times (SIGKILL)"
    assert again.explain_refusal("b") is None


def test_what_hung_is_not_tried_again(path):
    died(path, "a", timeout=5.0)
    assert opened(path).explain_refusal("a") == "took longer than 5 s, the --case-timeout"


def test_deaths_that_nobody_saw_count_when_there_are_three(path):
    for deaths in range(3):
        assert opened(path).explain_refusal("a") is None, deaths
        died(path, "a", seen=False)
    assert opened(path).explain_refusal("a") == "the process died 3 times while it was measured"


def test_an_error_is_no_death(path):
    for _ in range(4):
        one = opened(path)
        one.begin("a")
        one.leave("a")
        one.close()
    assert opened(path).explain_refusal("a") is None


def test_a_full_disk_is_told_in_one_sentence_and_what_was_kept_stays(path, monkeypatch):
    filled(path, "a")
    again = opened(path)

    def full(number):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JournalError, match=r"cannot write .*\(No space left on device\).* --resume"):
        again.keep("b", {}, has_samples=True)
    again.close()
    monkeypatch.undo()
    assert opened(path).take_up("a") is not None


def test_a_folder_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot keep a journal in"):
        opened(tmp_path / "file" / "one.journal")


def test_a_killed_process_leaves_whole_records(path, tmp_path):
    code = (
        "import os, pathlib, sys\n"
        "from bench.processes.journal import Journal\n"
        "one = Journal(pathlib.Path(sys.argv[1]), {}, resume=True)\n"
        "one.begin('a'); one.keep('a', [1.5], has_samples=True); one.begin('b'); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)])
    assert done.returncode == -9
    records = list(read_records(path))
    assert [next(iter(record)) for record in records] == ["begun", "kept", "begun"]


def test_what_was_saved_is_given_up_and_the_rest_stays_for_a_later_run(path):
    filled(path)
    later = opened(path)
    later.begin_run({"id": "one"})
    later.take_up("a")
    later.begin("d")
    later.keep("d", [1.0], has_samples=True)
    assert later.forget_saved() == 2
    again = opened(path)
    assert [again.take_up(name) is not None for name in "abcd"] == [False, True, True, False]
    # What stays was not saved with the run that gave the others up, and is no part of it.
    assert again.first_run["id"] not in ("one", None)
    assert again.forget_saved() == 0
    assert not path.exists()


def test_what_other_options_measured_stays_and_is_counted_apart(path):
    filled(path, "ab")
    others = opened(path, code="other")
    assert (others.count, count_kept(path)) == (0, 2)
    others.keep("a", [2.0], has_samples=True)
    assert others.forget_saved() == 2
    again = opened(path)
    assert (again.count, count_kept(path)) == (2, 2)


def test_a_journal_that_was_set_aside_is_never_overwritten(path):
    asides = []
    for name in "abc":
        filled(path, name)
        asides.append(opened(path, resume=False).abandoned)
    assert len(set(asides)) == 3
    assert all(file.exists() for file in asides)
    assert sum(list_journals(path.parent).values()) == 3


def test_a_journal_that_was_set_aside_can_be_taken_up_again(path):
    filled(path, "ab")
    aside = opened(path, resume=False)
    aside.keep("c", [3.0], has_samples=True)
    aside.close()
    restore_journal(aside.abandoned, path, CONTEXT)
    again = opened(path)
    assert [again.take_up(name) is not None for name in "abc"] == [True, True, False]
    # What was kept in its place is set aside itself.
    assert sum(list_journals(path.parent).values()) == 3
    with pytest.raises(JournalError, match="measured with other options"):
        restore_journal(path, path.with_suffix(".other"), {"code": "other"})
    with pytest.raises(JournalError, match="keeps anything"):
        restore_journal(path.with_suffix(".none"), path, CONTEXT)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_not_blamed_on_another_run(path, monkeypatch, number):
    def unsupported(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    filled(path)
    assert opened(path).count == 3
    # And nothing is left there that would pass for a lock, should the process be killed.
    again = opened(path)
    assert opened(path).count == 3
    aside = path.with_suffix(".1.abandoned")
    again.close()
    path.rename(aside)
    restore_journal(aside, path, CONTEXT)
    assert opened(path).count == 3


MEASURE = (
    "import pathlib, sys, time\n"
    "from bench.processes.journal import Journal\n"
    "one = Journal(pathlib.Path(sys.argv[1]), {}, resume=True)\n"
    "print('open', flush=True)\n"
    "time.sleep(60)\n"
)


def test_a_killed_process_leaves_no_lock_that_blocks_the_next(path):
    process = subprocess.Popen([sys.executable, "-c", MEASURE, str(path)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(JournalError, match="another run is measuring in this environment"):
            opened(path)
        process.kill()
    opened(path)


def test_a_lock_that_is_left_is_no_journal(path):
    filled(path)
    assert path.with_name(f"{path.name}.lock").exists()
    assert list_journals(path.parent) == {path: 3}


def test_a_journal_that_cannot_be_opened_lets_go_of_its_lock(path):
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match="cannot keep a journal in"):
        opened(path)
    path.rmdir()
    opened(path)


def test_native_code_that_ends_the_process_twice_is_not_tried_again(path):
    keys = []
    one = Journal(path, CONTEXT, resume=True, watch=lambda _, key, __: keys.append(key))
    one.begin("a")
    one.close()
    for _ in range(2):
        record_death(path, keys[0], Death(status=1))
    assert opened(path).explain_refusal("a") == "ended the process 2 times (exit status 1)"


def test_a_journal_says_which_measurements_have_samples(path):
    one = opened(path)
    one.keep("a", {"layer": {"rounds": [1.0]}}, has_samples=True)
    one.keep("b", {"died": "killed the process 2 times"}, has_samples=False)
    one.close()
    assert count_kept(path) == 2
    assert count_successes(path) == 1


def test_samples_of_older_journals_are_known_by_their_rounds(tmp_path):
    path = tmp_path / "old.journal"
    with path.open("wb") as file:
        for value in ({"rounds": [1.0]}, {"layer": {"rounds": [1.0]}}, {"layer": {"died": "twice"}}, [1.0]):
            append_record(file, {"kept": "key", "name": "a", "value": value})
    assert count_successes(path) == 2
