from types import SimpleNamespace

import pytest

from bench.processes.journal import JournalError
from bench.session.keeping import Keeping
from tests.bench.session.test_options import parse

FINGERPRINT = "0123456789"


def keeping(folder, goes_on=False, **values):
    options = parse(benchmark_storage=f"file://{folder}", **values)
    supervisor = SimpleNamespace(goes_on=goes_on, watch=lambda path, key, name: None)
    return Keeping(options, FINGERPRINT, supervisor)


@pytest.fixture
def unfinished(tmp_path):
    """A folder with the journal of a run that was broken off after one measurement."""
    broken_off = keeping(tmp_path)
    assert broken_off.begin({"id": "first", "shuffle_seed": 7}) == []
    broken_off.journal.keep("a", {"rounds": [1.0]}, has_samples=True)
    broken_off.journal.close()
    return tmp_path


def test_whoever_resumes_goes_on_with_what_the_first_run_was_asked_for(unfinished):
    resumed = keeping(unfinished, resume=True)
    assert resumed.read_first_run() == {"id": "first", "shuffle_seed": 7}
    assert resumed.begin({"id": "first"}) == ["going on with an earlier run: 1 measurements are kept"]
    assert resumed.journal.take_up("a") == {"rounds": [1.0]}


def test_a_process_that_takes_over_goes_on_whatever_the_options_say(unfinished):
    again = keeping(unfinished, goes_on=True, discard=True)
    assert again.read_first_run()["id"] == "first"
    again.begin({})
    assert again.journal.take_up("a") == {"rounds": [1.0]}


def test_a_new_run_sets_the_unfinished_one_aside_and_tells_how_to_go_on(unfinished):
    new = keeping(unfinished)
    assert new.read_first_run() == {}
    (line,) = new.begin({})
    assert line.startswith(f"an unfinished run is set aside in {new.journal.abandoned}; ")
    assert f"--resume-from {new.journal.abandoned}, goes on with it" in line
    new.journal.close()
    restored = keeping(unfinished, resume_from=str(new.journal.abandoned))
    assert restored.read_first_run()["id"] == "first"
    restored.begin({})
    assert restored.journal.take_up("a") == {"rounds": [1.0]}


def test_other_options_take_nothing_up_and_say_what_stays(unfinished):
    (line,) = keeping(unfinished, resume=True, benchmark_max_time="9").begin({})
    assert line.startswith("nothing is kept that was measured by this code with these options in this env")
    assert "; other measurements are kept and stay: 1 in " in line


def test_what_is_discarded_is_told(unfinished):
    file = unfinished / "journal" / f"{FINGERPRINT}.journal"
    assert keeping(unfinished, discard=True).begin({}) == [f"1 kept measurements were discarded ({file})"]


def test_only_journals_of_this_environment_are_discarded(unfinished):
    file = unfinished / "journal" / f"{FINGERPRINT}.journal"
    other = file.rename(file.with_name("9876543210.journal"))
    keeping(unfinished, discard=True).begin({})
    assert other.exists()


def test_where_nothing_is_kept_nothing_is_resumed_and_that_is_told(tmp_path):
    resumed = keeping(tmp_path, resume=True, in_turn=True)
    assert resumed.read_first_run() == {}
    assert resumed.begin({}) == ["--resume: nothing is kept with --in-turn or disabled benchmarks"]
    assert keeping(tmp_path, in_turn=True).begin({}) == []
    assert resumed.end(whole=True, saved=True) == []
    assert list(tmp_path.iterdir()) == []


def test_a_journal_to_resume_from_that_keeps_nothing_is_refused(tmp_path):
    with pytest.raises(JournalError, match="is no journal that keeps anything"):
        keeping(tmp_path, resume_from=str(tmp_path / "none")).begin({})


@pytest.mark.parametrize(
    ("whole", "saved", "words"),
    [
        (True, False, "nothing was saved, and 1 measurements are kept: the same command with --resume "),
        (False, False, "1 measurements are kept: go on with --resume"),
    ],
)
def test_what_was_not_saved_stays_and_is_told(tmp_path, whole, saved, words):
    run = keeping(tmp_path)
    run.begin({})
    run.journal.keep("a", {"rounds": [1.0]}, has_samples=True)
    (line,) = run.end(whole=whole, saved=saved)
    assert line.startswith(words)


def test_what_was_saved_is_kept_no_longer(tmp_path):
    run = keeping(tmp_path)
    run.begin({})
    run.journal.keep("a", {"rounds": [1.0]}, has_samples=True)
    assert run.end(whole=True, saved=True) == []
    assert list((tmp_path / "journal").glob("*.journal")) == []


def test_what_this_run_did_not_use_stays_for_a_later_one(unfinished):
    resumed = keeping(unfinished, resume=True)
    resumed.begin({})
    (line,) = resumed.end(whole=True, saved=True)
    assert line.startswith("1 measurements of earlier runs stay in ")
