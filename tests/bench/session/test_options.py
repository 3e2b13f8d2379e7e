import re
from pathlib import Path

import pytest

from bench.contract.cases import ConvCase
from bench.session.network_options import NetworkOptions
from bench.session.options import Options, declare_options, parse_case_timeout, parse_options
from bench.timing.lockstep import Budget

#: What pytest hands over where the user gave no option.
NONE_GIVEN = {
    "grid": None, "shapes": None, "case": None, "directions": None, "modes": None, "dtypes": None,
    "model": None, "model_batch": None, "model_input": None, "model_unsafe": False, "save_converted": None,
    "devices": None, "in_turn": False, "profile": None, "epochs": None, "repeats": None, "models": None,
    "samples": None, "mnist": None, "no_experiments": False,
    "remedies": False, "resume": False, "resume_from": None, "discard": False,
    "case_timeout": "600", "shuffle_seed": None, "file_or_dir": ["bench/"],
    "benchmark_storage": "file://./.benchmarks", "benchmark_timer": "time.perf_counter",
    "benchmark_max_time": "0.45", "benchmark_min_rounds": 5, "benchmark_min_time": "0.000005",
    "benchmark_calibration_precision": 10, "benchmark_precision": None, "benchmark_confidence": 0.99,
    "benchmark_disable_gc": False, "benchmark_disable": False, "benchmark_warmup": False,
    "benchmark_warmup_iterations": 100_000,
}  # fmt: skip
LINE = ConvCase("conv1d", direction="train", height=1, width=9, kernel_size=(1, 3))


def parse(**values):
    return parse_options({**NONE_GIVEN, **values})


def test_without_options_the_usual_is_measured():
    assert parse() == Options(
        grid=None,
        shapes=None,
        cases=(),
        network=None,
        directions=(),
        modes=(),
        dtypes=(),
        devices=(),
        in_turn=False,
        profile=None,
        epochs=1,
        repeats=(1, 1),
        models=(),
        samples=None,
        mnist=None,
        mnist_in_full=False,
        experiments=True,
        remedies=False,
        resume=False,
        resume_from=None,
        discard=False,
        case_timeout=600.0,
        shuffle_seed=None,
        storage=Path(".benchmarks"),
        budget=Budget(max_time=0.45, min_rounds=5),
        timer="time.perf_counter",
        warmup_calls=0,
        benchmark_disable=False,
    )


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("directions", "train, forward,train", "directions", ("train", "forward")),
        ("devices", "cpu:0, ,GPU:0", "devices", ("cpu:0", "GPU:0")),
        ("profile", "3", "profile", 3),
        ("profile", "slow", "profile", "slow"),
        ("epochs", "7", "epochs", 7),
        ("repeats", "3", "repeats", (1, 3)),
        ("repeats", "4-5", "repeats", (4, 5)),
        ("models", "conv,separable", "models", ("conv", "separable")),
        ("samples", "500", "samples", 500),
        ("shuffle_seed", "-7", "shuffle_seed", -7),
        ("case_timeout", "1.5", "case_timeout", 1.5),
        ("resume_from", "a/b.abandoned", "resume_from", Path("a/b.abandoned")),
        ("benchmark_storage", "file:///somewhere", "storage", Path("/somewhere")),
        ("benchmark_warmup", True, "warmup_calls", 100_000),
        # A saved file names the shapes file as the user did.
        ("shapes", "./mine.csv", "shapes", "./mine.csv"),
        (
            "case",
            "train-8x32x32x64-f64-k3, depthwise_conv2d-forward-8x32x32x64-f64-k3-xla",
            "cases",
            (ConvCase(direction="train"), ConvCase("depthwise_conv2d", mode="xla")),
        ),
        ("case", "train-8x9x64-f64-k3-1d,conv1d-train-8x9x64-f64-k3-1d", "cases", (LINE,)),
    ],
)
def test_each_option_has_its_real_type(name, text, field, value):
    assert getattr(parse(**{name: text}), field) == value


def test_trainings_asked_for_by_name_are_the_articles():
    options = parse(file_or_dir=["bench/bench_mnist.py::test_training"])
    assert options.mnist_in_full
    assert (options.epochs, options.repeats) == (25, (1, 5))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"grid": ""}, "--grid is empty: give a value, or leave it out"),
        ({"resume_from": " "}, "--resume-from is empty: give a value, or leave it out"),
        ({"modes": ","}, "--modes is empty: give a value, or leave it out"),
        (
            {"numprocesses": 2},
            "measuring needs one process at a time: leave out -n and --dist (pytest-xdist)",
        ),
        ({"grid": "smoke", "shapes": "x.csv"}, "--grid and --shapes exclude each other: give one of them"),
        ({"shapes": "x.csv", "case": "y"}, "--shapes and --case exclude each other: give one of them"),
        ({"grid": "smoke", "case": "y"}, "--grid and --case exclude each other: give one of them"),
        (
            {"case": "train-8x32x32x64-f64-k3,huge"},
            "there is no case 'huge': give an id as tables and reports print it, such as "
            "train-8x32x32x64-f64-k3",
        ),
        ({"discard": True, "resume": True}, "--resume and --discard exclude each other: give one of them"),
        (
            {"discard": True, "resume_from": "x"},
            "--resume and --discard exclude each other: give one of them",
        ),
        (
            {"directions": "sideways"},
            "--directions has no 'sideways'; there are: forward, backward, train",
        ),
        ({"modes": "graph,fast"}, "--modes has no 'fast'; there are: eager, graph, xla"),
        ({"profile": "0"}, "--profile must be all, slow, telling or a number of comparisons, not '0'"),
        ({"epochs": "0"}, "--epochs must be a whole number of at least 1, not '0'"),
        ({"repeats": "x"}, "--repeats must be a whole number of at least 1, not 'x'"),
        ({"repeats": "5-4"}, "--repeats must be a number such as 5 or a range such as 4-5, not '5-4'"),
        ({"repeats": "4-"}, "--repeats must be a number such as 5 or a range such as 4-5, not '4-'"),
        ({"samples": "1"}, "--samples must be at least 2: one to train on, one to validate with"),
        ({"mnist": "no/such/file"}, "--mnist: there is no no/such/file"),
        ({"shuffle_seed": "x"}, "--shuffle-seed must be a whole number, not 'x'"),
        (
            {"benchmark_storage": "odd://nobody/x"},
            "--benchmark-storage must be a folder (file://PATH), not 'odd://nobody/x'",
        ),
        ({"benchmark_storage": ""}, "--benchmark-storage is empty: give a folder, or leave it out"),
        (
            {"benchmark_max_time": "nan"},
            "--benchmark-max-time must be a number of seconds over 0, not nan",
        ),
        ({"benchmark_confidence": 1.5}, "--benchmark-confidence must lie between 0 and 1, not 1.5"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(values, sentence):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        parse(**values)
    assert str(error.value) == sentence


@pytest.mark.parametrize("text", ["x", "0", "-1", "inf", "nan"])
def test_a_case_timeout_is_a_number_of_seconds(text):
    with pytest.raises(ValueError, match="--case-timeout must be a number of seconds, not "):
        parse_case_timeout(text)


@pytest.mark.parametrize(
    ("values", "keeps"), [({}, True), ({"in_turn": True}, False), ({"benchmark_disable": True}, False)]
)
def test_only_what_lock_step_measures_is_kept(values, keeps):
    assert parse(**values).keeps is keeps


def test_every_option_that_is_parsed_is_declared():
    declared = {}

    class Group:
        def addoption(self, flag, **how):
            declared[flag.removeprefix("--").replace("-", "_")] = how

    declare_options(Group())
    own = {name for name in NONE_GIVEN if not name.startswith("benchmark_") and name != "file_or_dir"}
    assert set(declared) == own
    # Values stay text, so that what is wrong with them is told in a sentence and by exit code 2.
    assert not any("type" in how or "choices" in how for how in declared.values())


def test_a_network_is_measured_forward_and_in_training_unless_told():
    network = parse(model="keras.applications:ResNet50", model_input="96x96x3").network
    assert network == NetworkOptions(
        model="keras.applications:ResNet50",
        batch=8,
        input_shapes=((96, 96, 3),),
        unsafe=False,
        save_converted=None,
        directions=("forward", "train"),
    )
    assert parse(model="m.keras", directions="forward").directions == ("forward",)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model_batch": "4"}, "--model-batch says more of a model: give --model too"),
        ({"model_unsafe": True}, "--model-unsafe says more of a model"),
        ({"model": "m.keras", "grid": "smoke"}, "--grid and --model exclude each other"),
        ({"model": "m.keras", "dtypes": "float16"}, "--model and --dtypes exclude each other"),
        ({"model": "m.keras", "in_turn": True}, "--model and --in-turn exclude each other"),
        ({"model": "m.keras", "directions": "backward"}, "leave backward out of --directions"),
        ({"model": "m.keras", "model_batch": "0"}, "--model-batch must be a whole number of at least 1"),
        ({"model": "m.keras", "model_input": "96*96"}, "--model-input must be sizes such as 96x96x3"),
        ({"model": "m.keras", "save_converted": "c.h5"}, "--save-converted must end in .keras"),
        ({"model": "m.keras", "save_converted": "no/c.keras"}, "there is no folder no"),
    ],
)
def test_what_is_wrong_with_a_network_is_told_in_a_sentence(values, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        parse(**values)
