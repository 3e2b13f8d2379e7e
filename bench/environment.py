"""Facts about machine, framework and flags, and the checks for noise that go with them."""

from __future__ import annotations

import dataclasses
import os
import platform
import resource
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import gpu
from bench.fingerprint import fingerprint
from bench.onednn import OneDnn

#: Variables that change which kernel runs, or how. Those that are set become part of the environment.
#: TensorFlow's are listed by their beginnings, for ``TF_`` alone is Terraform's too, secrets included.
_FLAG_PREFIXES = (
    *("TF_ENABLE_", "TF_DISABLE_", "TF_NUM_", "TF_XLA_", "TF_CUDNN_", "TF_GPU_", "TF_FORCE_", "TF_USE_"),
    *("TF_DETERMINISTIC_", "TF_CPU_", "TF_MKL_", "TF_ONEDNN_", "TF_AUTOTUNE_", "XLA_", "ONEDNN_", "DNNL_"),
    *("OMP_", "KMP_", "MKL_", "KERAS_", "CUDA_VISIBLE_", "CUDA_DEVICE_", "NVIDIA_TF32", "CUBLAS_"),
    *("JAX_PLATFORM", "JAX_ENABLE_", "JAX_DISABLE_", "JAX_DEFAULT_", "JAX_COMPILATION_", "JAX_NUM_"),
    *("TORCHINDUCTOR_", "TORCHDYNAMO_", "TORCH_CUDNN_", "TORCH_BLAS_", "PYTORCH_", "ATEN_"),
)
#: Those among them that change only what is printed, or who gets memory when.
_NO_FLAGS = {"ONEDNN_VERBOSE", "DNNL_VERBOSE", "XLA_PYTHON_CLIENT_PREALLOCATE"}
#: Above this share of its time stolen, or with a GPU's clocks held back, a case is marked contaminated: a
#: rule, set before looking at results.
CONTAMINATED_SHARE = 0.05


def describe(
    framework_facts: Mapping[str, Any], backend: str, onednn: OneDnn | None, busy_at_start: float
) -> dict[str, Any]:
    """The environment as ``machine_info.environment`` holds it, with its fingerprint."""
    import keras

    facts = {
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "backend": backend,
        "keras": keras.__version__,
        **framework_facts,
        # Frameworks name their GPUs, but not the processor.
        "devices": {
            device: details or {"device_name": _cpu_model()}
            for device, details in framework_facts["devices"].items()
        },
        "onednn": _onednn_word(onednn),
        "onednn_details": asdict(onednn) if onednn else None,
        "flags": flags(os.environ),
        "frequency_governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "turbo": _turbo(),
        "throttled": (_read("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count") or "0")
        != "0",
        "load_at_start": os.getloadavg()[0],
        "busy_at_start": busy_at_start,
    }
    gpus = gpu.describe()
    if gpus:
        facts |= {"gpus": gpus, "gpu_clocks_at_start": gpu.clocks()}
    return {**facts, "fingerprint": fingerprint(facts)}


def flags(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in sorted(variables.items())
        if name.startswith(_FLAG_PREFIXES) and name not in _NO_FLAGS
    }


@dataclass(frozen=True)
class Reading:
    """Counters of the machine and this process at one moment."""

    total_jiffies: int
    idle_jiffies: int
    stolen_jiffies: int
    involuntary_switches: int
    seconds: float = 0.0
    #: For which power, heat or the board kept a GPU's clocks down, each for itself.
    held_back_seconds: tuple[float, ...] = ()

    @classmethod
    def now(cls, device: str = "CPU:0") -> Reading:
        """GPUs matter where ``device`` is one."""
        cpu_line = _read("/proc/stat") or ""
        fields = [int(field) for field in cpu_line.partition("\n")[0].split()[1:9]]
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        of_gpus = (time.monotonic(), gpu.held_back_seconds() if device.startswith("GPU") else ())
        if len(fields) < 8:
            return cls(0, 0, 0, switches, *of_gpus)
        return cls(sum(fields), fields[3] + fields[4], fields[7], switches, *of_gpus)


def busy_share(seconds: float = 0.5) -> float:
    """The share of all processor time that others use, seen while this process sleeps.

    The load average would still remember what ended a minute ago.
    """
    start = Reading.now()
    time.sleep(seconds)
    end = Reading.now()
    jiffies = end.total_jiffies - start.total_jiffies
    return 1 - (end.idle_jiffies - start.idle_jiffies) / jiffies if jiffies else 0.0


@dataclass(frozen=True)
class Noise:
    """What disturbed the machine while something was measured."""

    #: Share of all processor time that the hypervisor gave to others.
    steal: float
    involuntary_switches: int
    #: Share of the time for which a GPU's clocks were held back.
    held_back: float = 0.0

    @classmethod
    def between(cls, start: Reading, end: Reading) -> Noise:
        jiffies = end.total_jiffies - start.total_jiffies
        stolen = end.stolen_jiffies - start.stolen_jiffies
        seconds = end.seconds - start.seconds
        held_back = max(
            (b - a for a, b in zip(start.held_back_seconds, end.held_back_seconds, strict=True)), default=0.0
        )
        return cls(
            steal=stolen / jiffies if jiffies > 0 else 0.0,
            involuntary_switches=end.involuntary_switches - start.involuntary_switches,
            held_back=held_back / seconds if seconds > 0 else 0.0,
        )

    @property
    def contaminated(self) -> bool:
        return max(self.steal, self.held_back) > CONTAMINATED_SHARE

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "contaminated": self.contaminated}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Noise:
        """The inverse of :meth:`as_dict`."""
        return cls(**{field.name: fields[field.name] for field in dataclasses.fields(cls)})


def _onednn_word(onednn: OneDnn | None) -> str:
    if onednn is None:
        return "unknown"
    return "on" if onednn.enabled else "off"


def _cpu_model() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _turbo() -> str | None:
    no_turbo = _read("/sys/devices/system/cpu/intel_pstate/no_turbo")
    if no_turbo is not None:
        return "off" if no_turbo == "1" else "on"
    boost = _read("/sys/devices/system/cpu/cpufreq/boost")
    return None if boost is None else ("on" if boost == "1" else "off")


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None
