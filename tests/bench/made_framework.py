"""A framework that burns time and nothing else, as a pytest plugin: ``-p tests.bench.made_framework``.

Whole runs then take a second, so that they can be killed and gone on with many times.
``MADE_LOG`` names a file that every call is written to: process, start, end.
"""

import os
import sys
import time
import types
from contextlib import nullcontext

from bench.contract.kernels import list_roles, name_kernel
from bench.frameworks import loading
from bench.machine import disturbance
from bench.session import onednn_probe
from bench.tracing import implementations
from bench.workloads import agreement, preparing
from bench.workloads.preparing import Workload

SECONDS = 0.0002


def burn():
    start = time.perf_counter()
    while time.perf_counter() < start + SECONDS:
        pass
    if "MADE_LOG" in os.environ:
        with open(os.environ["MADE_LOG"], "a") as log:
            log.write(f"{os.getpid()} {start} {time.perf_counter()}\n")


class Probe:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def answer(self):
        return None


class Made:
    name = "made"

    def list_devices(self):
        return ("CPU:0",)

    def describe(self):
        return {"made": os.environ.get("MADE_VERSION", "1"), "devices": {"CPU:0": {}}}

    def place_on(self, device):
        return nullcontext()

    def read_scope(self):
        return ""

    def __getattr__(self, name):
        return lambda *arguments: burn


def capture(cases, tell):
    return {case: {name_kernel(*kernel): "made" for kernel in list_roles(case)} for case in cases}


def prepare(framework, case):
    burn()
    return Workload(burn, SECONDS)


sys.modules["keras"] = types.SimpleNamespace(__version__="0")
# A plugin is loaded before whatever imports these.
loading.load_framework = Made
preparing.prepare = prepare
agreement.check_agreement = lambda framework, case: None
onednn_probe.Probe = Probe
implementations.capture = capture
disturbance.measure_busy_share = lambda: 0.0
