"""``pytest bench/bench_mnist.py`` as people run it, on a small slice of the real data."""

import json
import os
import subprocess

import pytest

from analysis.mnist.trainings import keep_judged_trainings
from analysis.results.files import find_files
from analysis.results.loading import load_results
from bench.mnist import data
from tests.bench.session.test_end_to_end import MADE, PROJECT, pytest_bench, pytest_bench_command

OPTIONS = ("--samples", "1500", "--models", "separable", "--repeats", "1")


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """A folder with the real data, however they were had."""
    try:
        found = data.load_mnist()
    except data.DataError as reason:
        pytest.skip(str(reason))
    folder = tmp_path_factory.mktemp("mnist")
    for name, (file, _) in data.ORIGINAL_FILES.items():
        (folder / file).write_bytes(data.encode_idx(getattr(found, name)))
    return folder


def train(folder, mnist, *options):
    done = pytest_bench(
        folder, *OPTIONS, "--mnist", mnist, "--benchmark-autosave", *options, measure="bench/bench_mnist.py"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return load_results(find_files([folder])), done.stdout


def test_a_training_of_one_epoch_is_saved_as_a_row_that_keeps_the_contract(tmp_path, mnist):
    loaded, output = train(tmp_path, mnist, "--epochs", "1")
    (row,) = keep_judged_trainings(loaded).to_dict("records")
    assert (row["model"], row["parameters"], row["epochs"]) == ("separable", 414_899, 1)
    assert row["samples"] == {"train": 1200, "validation": 300, "test": 1500}
    assert 0 <= row["test_accuracy"] <= 1
    assert "separable, repeat 1, epoch 1: " in output
    (file,) = find_files([tmp_path])
    (saved,) = json.loads(file.read_text())["benchmarks"]
    assert saved["stats"]["median"] == pytest.approx(row["seconds"][0])
    assert not list(tmp_path.rglob("*.npz"))


def test_a_training_killed_with_its_process_ends_like_an_unbroken_one(tmp_path, mnist):
    unbroken, _ = train(tmp_path / "unbroken", mnist, "--epochs", "8")
    command = pytest_bench_command(
        tmp_path / "broken", *OPTIONS, "--mnist", mnist, "--benchmark-autosave", "--epochs", "8",
        measure="bench/bench_mnist.py",
    )  # fmt: skip
    # Unbuffered, so that the line comes while the next epoch runs.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, env=environment)
    for line in process.stdout:
        if "epoch 1: " in line:
            process.kill()
            break
    process.wait()
    assert list((tmp_path / "broken").rglob("*.npz"))
    resumed, output = train(tmp_path / "broken", mnist, "--epochs", "8")
    assert "epoch 1: " not in output
    (one,), (other,) = (keep_judged_trainings(found).to_dict("records") for found in (unbroken, resumed))
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        assert one["history"][name] == pytest.approx(other["history"][name], rel=1e-4), name
    assert one["test_loss"] == pytest.approx(other["test_loss"], rel=1e-4)
    assert other["compiled"][0] == 0
    assert len(other["compiled"]) == 2


def test_a_training_that_nobody_asked_to_save_is_kept_and_can_be_saved(tmp_path, mnist):
    options = (*OPTIONS, "--mnist", mnist, "--epochs", "1")
    done = pytest_bench(tmp_path, *options, measure="bench/bench_mnist.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the trainings were not saved; their epochs are kept" in done.stdout
    assert list(tmp_path.rglob("*.npz"))
    loaded, output = train(tmp_path, mnist, "--epochs", "1")
    assert "epoch 1: " not in output
    assert len(loaded.trainings) == 1
    assert not list(tmp_path.rglob("*.npz"))


def test_a_plain_run_of_certain_shapes_trains_nothing(tmp_path):
    done = pytest_bench(tmp_path, *MADE, "--grid", "smoke", "--collect-only", "-q")
    assert "bench_mnist" not in done.stdout
    done = pytest_bench(tmp_path, *MADE, "--collect-only", "-q")
    assert done.stdout.count("bench/bench_mnist.py::test_training") == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "0"], "--epochs must be a whole number"),
        (["--repeats", "3-1"], "--repeats must be a number such as 5 or a range such as 4-5"),
        (["--repeats", "x"], "--repeats must be a whole number"),
        (["--models", "conv,nonsense"], "--models has no 'nonsense'; there are: conv, separable"),
        (["--mnist", "/no/such/place"], "--mnist: there is no /no/such/place"),
    ],
)
def test_bad_options_end_in_one_sentence_and_exit_code_2(tmp_path, options, words):
    done = pytest_bench(tmp_path, *options, measure="bench/bench_mnist.py")
    assert done.returncode == 2
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
