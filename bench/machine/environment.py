"""Facts about machine, framework and flags, and the checks for noise that go with them."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.contract.fingerprint import compute_fingerprint
from bench.machine import gpu
from bench.machine.onednn import OneDnn

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


def describe_environment(
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
        "flags": read_flags(os.environ),
        "frequency_governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "turbo": _turbo(),
        "throttled": (_read("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count") or "0")
        != "0",
        "load_at_start": os.getloadavg()[0],
        "busy_at_start": busy_at_start,
    }
    gpus = gpu.describe_gpus()
    if gpus:
        facts |= {"gpus": gpus, "gpu_clocks_at_start": gpu.read_clocks()}
    return {**facts, "fingerprint": compute_fingerprint(facts)}


def read_flags(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in sorted(variables.items())
        if name.startswith(_FLAG_PREFIXES) and name not in _NO_FLAGS
    }


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
