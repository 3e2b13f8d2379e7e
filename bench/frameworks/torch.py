"""PyTorch: autograd from saved activations, torch.compile, devices, ceilings.

It has no graph without a compiler: what is nearest, and what Keras trains with, is eager. In place of XLA it
has torch.compile.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch

from bench.contract.cases import TENSORFLOAT32, ConvCase
from bench.frameworks import host
from bench.frameworks.interface import (
    Call,
    NetworkStep,
    Unsupported,
    call_once,
    name_refusals,
    refuse_tensorfloat32,
    summarize_error,
)
from bench.frameworks.steps.torch import create_step
from bench.frameworks.torch_compiling import compile_call, keep_activations

_REFUSALS = (RuntimeError, NotImplementedError, ValueError, TypeError)


class _Torch:
    name = "torch"

    def list_devices(self) -> tuple[str, ...]:
        return ("CPU:0", *(f"GPU:{index}" for index in range(torch.cuda.device_count())))

    def describe(self) -> dict[str, Any]:
        gpus = {
            f"GPU:{index}": {
                "device_name": torch.cuda.get_device_name(index),
                "compute_capability": ".".join(map(str, torch.cuda.get_device_capability(index))),
            }
            for index in range(torch.cuda.device_count())
        }
        return {
            "torch": torch.__version__,
            "modes": {"eager": "autograd", "graph": "autograd, as eager", "xla": "torch.compile"},
            "torch_build": {
                "cuda_version": torch.version.cuda,
                "cudnn_version": torch.backends.cudnn.version() if gpus else None,
                "mkldnn": torch.backends.mkldnn.is_available(),
            },
            "threads": {"intra_op": torch.get_num_threads(), "inter_op": torch.get_num_interop_threads()},
            "tf32": {
                "matmul": torch.backends.cuda.matmul.allow_tf32,
                "convolution": torch.backends.cudnn.allow_tf32,
            },
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "devices": {"CPU:0": {}, **gpus},
        }

    @contextmanager
    def place_on(self, device: str) -> Iterator[None]:
        # Keras has a device of its own, and moves there what it is given. It must have the very name that
        # tensors have, ``cpu`` and not ``cpu:0``: else what it moves are copies, which are no parameters.
        with keras.device(_name_device(device)), torch.device(_name_device(device)):
            yield

    def prepare_layer(self, case: ConvCase, layer: Any, inputs: Any, output_gradient: Any) -> Call:
        with name_refusals(*_REFUSALS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = _create_tensor(inputs, case.dtype, case.device)
            dy = _create_tensor(output_gradient, case.dtype, case.device)
            return call_once(_prepare_call(case, layer, x, dy))

    def prepare_network(self, model: Any, inputs: Any, step: NetworkStep) -> Call:
        with name_refusals(*_REFUSALS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with self.place_on(step.device):
                call = create_step(model, inputs, step, _name_device(step.device))
            try:
                return call_once(_synchronise(call, step.device))
            except torch._dynamo.exc.Unsupported as error:
                reason = summarize_error(error)
                raise Unsupported(f"torch.compile cannot compile the network as a whole: {reason}") from error

    def read_scope(self) -> str:
        return ""

    def compute_activation(self, name: str, y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with keras.device("cpu"):
            before = torch.tensor(y, dtype=torch.float64, requires_grad=True)
            after = keras.activations.get(name)(before)
            if after.shape != before.shape:
                return after.detach().numpy(), y
            (gradient,) = torch.autograd.grad(after, before, torch.tensor(dy, dtype=torch.float64))
        return after.detach().numpy(), gradient.numpy()

    def prepare_matrix_product(self, dtype: str, size: int, device: str) -> Call:
        fast = dtype == TENSORFLOAT32
        if fast and (device.startswith("CPU") or not torch.backends.cudnn.allow_tf32):
            raise refuse_tensorfloat32()
        dtype = "float32" if fast else dtype
        with name_refusals(*_REFUSALS), torch.no_grad():
            a = _create_tensor(np.random.default_rng(0).standard_normal((size, size)), dtype, device)
            b = _create_tensor(np.random.default_rng(1).standard_normal((size, size)), dtype, device)
            result = torch.empty_like(a)

            def multiply() -> torch.Tensor:
                # PyTorch lets convolutions use it, and matrix products not.
                allowed = torch.backends.cuda.matmul.allow_tf32
                torch.backends.cuda.matmul.allow_tf32 = fast
                try:
                    return torch.mm(a, b, out=result)
                finally:
                    torch.backends.cuda.matmul.allow_tf32 = allowed

            return call_once(_synchronise(multiply, device))

    def prepare_triad(self, elements: int, repeats: int, device: str) -> Call:
        target = torch.full((elements,), 0.5, device=_name_device(device))
        source = torch.full((elements,), 0.25, device=_name_device(device))

        def triad() -> None:
            for _ in range(repeats):
                target.sub_(source, alpha=1e-9)

        return call_once(_synchronise(triad, device))

    def prepare_copy(self, elements: int, repeats: int, device: str) -> Call:
        if device.startswith("CPU"):
            return call_once(host.prepare_host_copy(elements, repeats, torch.get_num_threads()))
        target = torch.full((elements,), 0.5, device=_name_device(device))
        source = torch.full((elements,), 0.25, device=_name_device(device))

        def copy() -> None:
            for _ in range(repeats):
                target.copy_(source)

        return call_once(_synchronise(copy, device))

    @contextmanager
    def trace(self, folder: Path) -> Iterator[None]:
        activities = [torch.profiler.ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        ready = torch.profiler.tensorboard_trace_handler(str(folder))
        # Shapes tell a separable layer's two convolutions apart.
        with torch.profiler.profile(activities=activities, record_shapes=True, on_trace_ready=ready):
            yield

    def mark_step(self, name: str, number: int) -> AbstractContextManager:
        return torch.profiler.record_function(name)

    def convert_to_arrays(self, result: Any) -> list[np.ndarray]:
        return [part.detach().to(torch.float64).cpu().numpy() for part in keras.tree.flatten(result)]

    def prepare_empty_call(self, mode: str, device: str) -> Call:
        if mode != "xla":
            raise Unsupported("PyTorch has no compiled function but torch.compile's")
        tensor = torch.zeros(1, device=_name_device(device))
        empty = torch.compile(lambda x: x + 0)
        return call_once(_synchronise(lambda: empty(tensor), device))


FRAMEWORK = _Torch()


def _prepare_call(case: ConvCase, layer: Any, x: torch.Tensor, dy: torch.Tensor) -> Call:
    """The case's direction and mode, not called yet."""
    weights = [weight.value for weight in layer.trainable_weights]
    x.requires_grad_(case.input_gradient)
    sources = ([x] if case.input_gradient else []) + weights
    if any(weight.device != x.device for weight in weights):
        raise RuntimeError(f"weights and input are not on the same device: {weights[0].device}, {x.device}")
    forward = compile_call(layer) if case.mode == "xla" else layer

    if case.direction == "forward":

        def infer() -> torch.Tensor:
            with torch.no_grad():
                return forward(x)

        return _synchronise(infer, case.device)

    def compute_gradients(y: torch.Tensor, keep: bool) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad(y, sources, dy, retain_graph=keep)

    if case.direction == "backward":
        with keep_activations():
            y = forward(x)
        return _synchronise(lambda: compute_gradients(y, keep=True), case.device)

    def train() -> tuple[torch.Tensor, ...]:
        y = forward(x)
        return (y.detach(), *compute_gradients(y, keep=False))

    return _synchronise(train, case.device)


def _synchronise(function: Callable[[], Any], device: str) -> Call:
    """A call of ``function`` on ``device`` that waits until the device has done it."""
    if not torch.cuda.is_available():
        return function
    name = _name_device(device)

    def call() -> Any:
        result = function()
        if name != "cpu":
            torch.cuda.synchronize(name)
        return result

    def call_elsewhere() -> Any:
        with keras.device(name):
            return call()

    # Entering a device takes time: not where it changes nothing.
    return call if name == "cuda:0" else call_elsewhere


def _create_tensor(array: Any, dtype: str, device: str) -> torch.Tensor:
    return torch.tensor(np.asarray(array, np.float32), device=_name_device(device)).to(getattr(torch, dtype))


def _name_device(device: str) -> str:
    """``GPU:1`` is ``cuda:1``."""
    kind, _, index = device.partition(":")
    return f"cuda:{index}" if kind == "GPU" else "cpu"
