"""The environment of a run: facts about the machine, the framework and its flags."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import psutil

from bench.contract.fingerprint import compute_fingerprint
from bench.machine import gpu
from bench.machine.capacity import count_cores, measure_memory
from bench.machine.onednn import OneDnn
from bench.machine.processor import has_throttled, name_processor, read_governor, read_turbo

#: Variables that change which kernel runs, or how. Those that are set become part of the environment.
#: TensorFlow's are listed by their beginnings, for ``TF_`` alone is Terraform's too, secrets included.
_FLAG_PREFIXES = (
    "TF_ENABLE_",
    "TF_DISABLE_",
    "TF_NUM_",
    "TF_XLA_",
    "TF_CUDNN_",
    "TF_GPU_",
    "TF_FORCE_",
    "TF_USE_",
    "TF_DETERMINISTIC_",
    "TF_CPU_",
    "TF_MKL_",
    "TF_ONEDNN_",
    "TF_AUTOTUNE_",
    "XLA_",
    "ONEDNN_",
    "DNNL_",
    "OMP_",
    "KMP_",
    "MKL_",
    "KERAS_",
    "CUDA_VISIBLE_",
    "CUDA_DEVICE_",
    "NVIDIA_TF32",
    "CUBLAS_",
    "JAX_PLATFORM",
    "JAX_ENABLE_",
    "JAX_DISABLE_",
    "JAX_DEFAULT_",
    "JAX_COMPILATION_",
    "JAX_NUM_",
    "TORCHINDUCTOR_",
    "TORCHDYNAMO_",
    "TORCH_CUDNN_",
    "TORCH_BLAS_",
    "PYTORCH_",
    "ATEN_",
)
#: Those among them that change only what is printed, or who gets memory when.
_NO_FLAGS = {"ONEDNN_VERBOSE", "DNNL_VERBOSE", "XLA_PYTHON_CLIENT_PREALLOCATE"}


def collect_environment(
    framework_facts: Mapping[str, Any], backend: str, onednn: OneDnn | None, busy_at_start: float
) -> dict[str, Any]:
    """The environment as ``machine_info.environment`` holds it, with its fingerprint.

    ``onednn`` is what it said, if it did. ``busy_at_start`` is the share of the processor that others use.
    """
    import keras

    processor = name_processor()
    facts = {
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "cpu": processor,
        "cores": count_cores(),
        "memory_bytes": measure_memory(),
        "backend": backend,
        "keras": keras.__version__,
        **framework_facts,
        # Frameworks name their GPUs, but not the processor.
        "devices": {
            device: details or {"device_name": processor}
            for device, details in framework_facts["devices"].items()
        },
        "onednn": _describe_onednn(onednn),
        "onednn_details": asdict(onednn) if onednn else None,
        "flags": read_flags(os.environ),
        "frequency_governor": read_governor(),
        "turbo": read_turbo(),
        "throttled": has_throttled(),
        "load_at_start": psutil.getloadavg()[0],
        "busy_at_start": busy_at_start,
    }
    gpus = gpu.describe_gpus()
    if gpus:
        facts |= {"gpus": gpus, "gpu_clocks_at_start": gpu.read_clocks()}
    return {**facts, "fingerprint": compute_fingerprint(facts)}


def read_flags(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of ``variables`` that change which kernel runs, or how."""
    return {
        name: value
        for name, value in sorted(variables.items())
        if name.startswith(_FLAG_PREFIXES) and name not in _NO_FLAGS
    }


def _describe_onednn(onednn: OneDnn | None) -> str:
    """``on`` or ``off``, or ``unknown`` where it did not answer."""
    if onednn is None:
        return "unknown"
    return "on" if onednn.enabled else "off"
