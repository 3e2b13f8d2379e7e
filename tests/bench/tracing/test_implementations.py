"""Which implementations ran: what children leave, and what is lost with one."""

import os
from pathlib import Path

import pytest

from bench.contract.cases import ConvCase
from bench.contract.kernels import list_roles, name_kernel
from bench.contract.trace_folder import ONEDNN_LOG
from bench.tracing import capturing, implementations
from tests.bench.contract.made_log import line

POINT = ConvCase(layer="pointwise_conv2d", kernel_size=(1, 1))
PROBLEM = "mb{}_ic64oc64_ih32oh32kh1sh1dh0ph0_iw32ow32kw1sw1dw0pw0"
SMALL = {"batch": 2, "height": 16, "width": 16, "in_channels": 16, "filters": 16}
#: What Python runs before a child: the case that is named does not survive being prepared.
KILLING = """
import os
from bench.workloads import preparing
real = preparing.prepare
def prepare(framework, case):
    if case.id == os.environ["FATAL"]:
        os.kill(os.getpid(), 9)
    return real(framework, case)
preparing.prepare = prepare
"""


def pointwise(batch):
    return ConvCase(layer="pointwise_conv2d", kernel_size=(1, 1), batch=batch)


@pytest.fixture
def children(monkeypatch):
    """The jobs that children were given; in their place a function logs, but for fatal batches."""

    def run_child(module, job, variables):
        jobs.append(job)
        for case in job.cases:
            folder = Path(job.folder, case.id)
            folder.mkdir()
            if case.batch in jobs.fatal:
                return f"capturing failed at {case.batch}"
            ran = line("convolution", "jit:avx2", "forward_training", PROBLEM.format(case.batch), 0.1)
            (folder / ONEDNN_LOG).write_text(f"bench_step 0\n{jobs.said.get(case.batch, ran)}")
        return None

    class Jobs(list):
        fatal, said = set(), {}

    jobs = Jobs()
    monkeypatch.setattr(capturing, "run_child", run_child)
    monkeypatch.setattr(implementations, "count_cores", lambda: 64)
    return jobs


def capture(batches):
    told = []
    found = implementations.capture([pointwise(batch) for batch in batches], told.append)
    assert all(ran == {"pointwise forward": "jit:avx2"} for ran in found.values())
    return {case.batch for case in found}, told


def test_few_cases_need_one_child_and_many_are_shared_out(children):
    assert capture(range(1, 11)) == (set(range(1, 11)), [])
    assert len(children) == 1
    children.clear()
    assert capture(range(1, 201)) == (set(range(1, 201)), [])
    assert [len(job.cases) for job in children] == [50] * 4
    assert all(job.steps == 1 for job in children)


def test_a_child_that_dies_costs_only_the_case_that_it_was_at(children):
    children.fatal = {3, 7}
    found, told = capture(range(1, 11))
    assert found == set(range(1, 11)) - {3, 7}
    assert told == [f"which kernels ran is not known of {pointwise(3).id} and 1 more: capturing failed at 3"]


def test_children_that_always_die_are_not_started_for_ever(children):
    children.fatal = set(range(1, 100))
    found, told = capture(range(1, 21))
    assert found == set()
    assert len(children) == 4
    assert len(told) == 1


def test_a_log_that_is_not_understood_costs_its_case_and_a_sentence(children):
    children.said = {2: line("convolution", "jit:avx2", "forward_training", "x9", "soon")}
    found, told = capture(range(1, 4))
    assert found == {1, 3}
    assert told == [
        f"which kernels ran is not known of {pointwise(2).id}: a line of oneDNN's log is no execution of a "
        "primitive"
    ]


def test_a_framework_that_does_not_load_is_tried_once(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "no-such-backend")
    told = []
    assert implementations.capture([POINT, pointwise(1)], told.append) == {}
    assert len(told) == 1
    assert "and 1 more: capturing primitives failed (1): ValueError: KERAS_BACKEND" in told[0]


def test_a_system_without_room_for_logs_costs_a_sentence(monkeypatch):
    def refuse():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(implementations.tempfile, "TemporaryDirectory", refuse)
    told = []
    assert implementations.capture([POINT], told.append) == {}
    assert told == ["which kernels ran is not known: [Errno 28] No space left on device"]


def test_a_child_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(capturing, "_TIMEOUT_SECONDS", 0.1)
    told = []
    assert implementations.capture([POINT], told.append) == {}
    assert "was ended after 0.1 s" in told[0]


def test_a_case_that_kills_its_child_is_lost_alone(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(KILLING)
    cases = [
        ConvCase(layer=layer, direction="train", **SMALL)
        for layer in ("separable_conv2d", "depthwise_conv2d", "conv2d")
    ]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    monkeypatch.setenv("FATAL", cases[1].id)
    told = []
    found = implementations.capture(cases, told.append)
    assert told == [
        f"which kernels ran is not known of {cases[1].id}: capturing primitives failed (-9): no message"
    ]
    assert list(found) == [cases[0], cases[2]]
    for case, ran in found.items():
        assert list(ran) == [name_kernel(*kernel) for kernel in list_roles(case)]
        assert all(ran.values())


def test_without_onednn_no_kernel_has_an_implementation(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    case = ConvCase(layer="separable_conv2d", direction="train", **SMALL)
    told = []
    found = implementations.capture([case], told.append)
    assert told == []
    assert found == {case: dict.fromkeys(name_kernel(*kernel) for kernel in list_roles(case))}
