import dataclasses
import os
import sys
import types
from pathlib import Path

import psutil
import pytest

from bench.frameworks.loading import choose_devices, load_framework
from bench.machine import advice, disturbance
from bench.machine.disturbance import Disturbance, Reading, measure_busy_share
from bench.machine.environment import read_flags
from bench.machine.onednn import OneDnn, parse_log


def test_flags_are_the_variables_that_change_kernels():
    variables = {"TF_ENABLE_ONEDNN_OPTS": "0", "HOME": "/", "ONEDNN_VERBOSE": "1", "OMP_NUM_THREADS": "1"}
    variables |= {"TF_TOKEN_app_terraform_io": "a secret", "TF_CPP_MIN_LOG_LEVEL": "3"}
    assert read_flags(variables) == {"OMP_NUM_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0"}


def test_stolen_time_is_a_share_of_all_processor_time():
    noise = Disturbance.between(Reading(1000, 100, 5), Reading(1200, 130, 9))
    assert noise == Disturbance(steal=0.15, involuntary_switches=4)
    assert noise.contaminated
    assert not Disturbance.between(Reading(1000, 100, 5), Reading(1000, 100, 5)).contaminated


def test_the_machines_counters_can_be_read_here():
    reading = Reading.now()
    assert reading.total_seconds >= reading.stolen_seconds >= 0
    assert 0 <= measure_busy_share(0.05) <= 1


def test_an_idle_machine_is_never_less_than_idle():
    """A share under 0 would make a result file that nobody reads."""
    assert all(0 <= measure_busy_share(0.002) <= 1 for _ in range(200))
    reading = Reading.now()
    earlier = dataclasses.replace(reading, total_seconds=reading.total_seconds - 1)
    corrected = dataclasses.replace(reading, stolen_seconds=reading.stolen_seconds - 1e-9)
    assert Disturbance.between(earlier, corrected).steal == 0


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc/stat")
def test_processor_time_is_what_the_kernel_counts():
    start = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    reading = Reading.now()
    a_second = os.sysconf("SC_CLK_TCK")
    assert reading.total_seconds == pytest.approx(sum(start) / a_second, abs=60)
    assert reading.stolen_seconds == pytest.approx(start[7] / a_second, abs=60)


def test_switches_of_all_threads_count_not_only_the_firsts(monkeypatch):
    """What computes is in other threads, and psutil counts the first alone."""
    counted = types.SimpleNamespace(ru_nivcsw=7)
    monkeypatch.setattr(disturbance.resource, "getrusage", lambda who: counted)
    assert Reading.now().involuntary_switches == 7


def test_processor_time_that_cannot_be_read_disturbs_nothing(monkeypatch):
    def fail():
        raise PermissionError

    monkeypatch.setattr(psutil, "cpu_times", fail)
    reading = Reading.now()
    assert (reading.total_seconds, reading.stolen_seconds) == (0, 0)
    assert measure_busy_share(0.01) == 0
    assert not Disturbance.between(reading, Reading.now()).contaminated


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"busy_at_start": 0.4}, "others use 40%"),
        ({"frequency_governor": "powersave"}, "governor"),
        ({"turbo": "on"}, "turbo"),
        ({"throttled": True}, "throttled"),
        ({"onednn": "unknown"}, "oneDNN"),
    ],
)
def test_each_thing_that_makes_measuring_hard_is_told_with_advice(changes, words):
    quiet = {
        "busy_at_start": 0.02, "frequency_governor": "performance", "turbo": "off",
        "throttled": False, "onednn": "on",
    }  # fmt: skip
    assert advice.warn_of_machine(quiet) == []
    (warning,) = advice.warn_of_machine({**quiet, **changes})
    assert words in warning
    assert ":" in warning


def test_warnings_on_cases_count_them_and_name_one():
    (text,) = advice.warn_of_cases({advice.UNSETTLED: ["a", "b"], advice.FEW_ROUNDS: []})
    assert text.startswith("2 cases still got faster")
    assert text.endswith("(such as a)")


ONEDNN_3 = """onednn_verbose,v1,info,oneDNN v3.7.3 (commit abc)
onednn_verbose,v1,info,cpu,runtime:threadpool,nthr:2
onednn_verbose,v1,info,cpu,isa:Intel AVX-512 with Intel DL Boost
onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx512_core,forward_training,...,0.1
"""
ONEDNN_2 = """onednn_verbose,info,oneDNN v2.7.3 (commit N/A)
onednn_verbose,info,cpu,runtime:threadpool,nthr:4
onednn_verbose,info,cpu,isa:Intel AVX2
onednn_verbose,exec,cpu,convolution,jit:avx2,forward_training,...,0.1
"""


def test_the_header_of_both_generations_of_onednn_is_read():
    isa = "Intel AVX-512 with Intel DL Boost"
    assert parse_log(ONEDNN_3) == OneDnn(
        enabled=True, version="3.7.3", isa=isa, runtime="threadpool", threads="2"
    )
    assert parse_log(ONEDNN_2) == OneDnn(
        enabled=True, version="2.7.3", isa="Intel AVX2", runtime="threadpool", threads="4"
    )


def test_silence_means_that_onednn_is_off():
    assert parse_log("") == OneDnn(enabled=False)


def test_a_device_that_is_not_there_is_an_error_that_says_which_are():
    assert choose_devices(None, ("CPU:0", "GPU:0")) == ("CPU:0", "GPU:0")
    assert choose_devices(["cpu", "GPU:0"], ("CPU:0", "GPU:0")) == ("CPU:0", "GPU:0")
    with pytest.raises(ValueError, match="there is no device 'GPU:1' here; there are: CPU:0"):
        choose_devices(["GPU:1"], ("CPU:0",))


def test_a_backend_without_a_module_is_refused(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(ValueError, match="KERAS_BACKEND is 'openvino'; this suite measures: tensorflow"):
        load_framework()
