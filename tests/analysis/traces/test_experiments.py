import json

import pytest

from analysis.traces.formats.experiments import read_experiments
from bench.contract.cases import ConvCase
from tests.analysis.reasons.causes.made_arms import CASE, make


def read(folder, content, case=CASE):
    file = folder / "experiments.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    problems = []
    return read_experiments(file, case, problems), problems


def test_experiments_are_read_as_they_were_written(tmp_path):
    found, problems = read(tmp_path, make().as_dict())
    assert problems == []
    assert [arm.arm for arm in found.kernels[0].arms] == [arm.arm for arm in make().kernels[0].arms]


def test_without_the_file_there_are_none_and_nothing_is_wrong(tmp_path):
    problems = []
    assert read_experiments(tmp_path / "experiments.json", CASE, problems) is None
    assert problems == []


def changed(path, value):
    content = make().as_dict()
    *outer, last = path
    part = content
    for key in outer:
        part = part[key]
    part[last] = value
    return content


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        "[" * 100_000,
        {},
        changed(["schema"], 99),
        changed(["threads"], 0),
        changed(["threads"], "many"),
        changed(["kernels"], None),
        changed(["kernels"], {"a": 1}),
        changed(["kernels", 0, "arms"], 5),
        changed(["kernels", 0, "arms", 0, "arm"], "new"),
        changed(["kernels", 0, "arms", 0, "wall_seconds"], []),
        changed(["kernels", 0, "arms", 0, "wall_seconds"], [0.1]),
        changed(["kernels", 0, "arms", 0, "wall_seconds", 0], float("nan")),
        changed(["kernels", 0, "arms", 0, "wall_seconds", 0], 1e-300),
        changed(["kernels", 0, "arms", 0, "wall_seconds", 0], -1),
        changed(["kernels", 0, "arms", 0, "seconds"], [1.0]),
        changed(["kernels", 0, "arms", 0, "changes"], {"layer": "other"}),
        changed(["kernels", 0, "arms", 0, "changes"], [1]),
        changed(["kernels", 0, "arms", 9, "setting"], "magic"),
        changed(["scalings", 0, "one_thread_seconds"], [1.0]),
        changed(["case", "batch"], 0),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    found, problems = read(tmp_path, content)
    assert found is None
    (problem,) = problems
    assert problem.startswith("cannot read ")
    assert "experiments.json" in problem
    assert "\n" not in problem


def test_experiments_on_another_case_are_not_taken(tmp_path):
    found, problems = read(tmp_path, make().as_dict(), ConvCase())
    assert found is None
    assert "of another case" in problems[0]


def test_bytes_that_are_no_text_are_one_sentence(tmp_path):
    file = tmp_path / "experiments.json"
    file.write_bytes(b"\xff\xfe\x00")
    problems = []
    assert read_experiments(file, CASE, problems) is None
    assert len(problems) == 1
