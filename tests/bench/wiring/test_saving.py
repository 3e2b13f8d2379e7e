from types import SimpleNamespace

from bench.wiring.saving import Saving, prevent_saving


def saver(**how):
    return SimpleNamespace(**{"save": None, "autosave": None, "json": None, **how})


def test_only_a_file_that_was_written_since_counts_as_saved(tmp_path):
    (tmp_path / "0001_earlier.json").write_text("{}")
    saving = Saving(saver(autosave=True), tmp_path)
    assert not saving.has_saved()
    (tmp_path / "0002_now.json").write_text("{}")
    assert saving.has_saved()


def test_a_file_named_by_benchmark_json_counts_wherever_it_lies(tmp_path):
    assert Saving(saver(json=object()), tmp_path).has_saved()
    assert not Saving(saver(), tmp_path).has_saved()


def test_what_is_half_written_is_removed_and_nothing_else(tmp_path):
    earlier = tmp_path / "0001_earlier.json"
    earlier.write_text('{"half')
    saving = Saving(saver(autosave=True), tmp_path)
    half, whole = tmp_path / "0002_half.json", tmp_path / "0003_of_another_run.json"
    half.write_text('{"half')
    whole.write_text("{}")
    saving.remove_half_written()
    assert earlier.exists()
    assert whole.exists()
    assert not half.exists()


def test_half_a_run_is_not_saved_by_any_means():
    each = saver(save="name", autosave=True, json=object())
    prevent_saving(each)
    assert (each.save, each.autosave, each.json) == (None, None, None)
