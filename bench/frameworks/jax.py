"""JAX: jit, pullbacks from saved residuals, devices, ceilings.

It has no graph without XLA: what is nearest, and what Keras trains with, is jit.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.cases import TENSORFLOAT32, ConvCase
from bench.frameworks import host
from bench.frameworks.interface import Call, NetworkStep, call_once, name_refusals, refuse_tensorfloat32
from bench.frameworks.native_errors import keep_native_errors
from bench.machine.capacity import count_processors

with keep_native_errors(hidden=True):
    # Several processes share a GPU: those of a campaign, and those that trace.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import jax
    import jax.numpy as jnp

    from bench.frameworks.steps.jax import create_step

    jax.devices()

_REFUSALS = (ValueError, TypeError, NotImplementedError, RuntimeError)
#: JAX's platforms that this suite has ceilings for.
_KINDS = {"cpu": "CPU", "gpu": "GPU", "cuda": "GPU", "rocm": "GPU"}
#: Settings of jax_default_matmul_precision with which nothing is computed in TensorFloat-32.
_EXACT = ("float32", "highest")


class _Jax:
    name = "jax"

    def list_devices(self) -> tuple[str, ...]:
        return tuple(_find_devices())

    def describe(self) -> dict[str, Any]:
        return {
            "jax": jax.__version__,
            "modes": {"eager": "operation by operation", "graph": "jit", "xla": "jit"},
            "jaxlib": jax.lib.__version__,
            "matmul_precision": str(jax.config.jax_default_matmul_precision or "default"),
            "devices": {
                name: {} if name.startswith("CPU") else {"device_name": device.device_kind}
                for name, device in _find_devices().items()
            },
        }

    def place_on(self, device: str) -> AbstractContextManager:
        return jax.default_device(_find_devices()[device])

    def prepare_layer(self, case: ConvCase, layer: Any, inputs: Any, output_gradient: Any) -> Call:
        # Not inside ``place_on``: a default device is part of what jit remembers a program by, and the timed
        # calls, outside it, would compile again. What is committed to a device is computed there.
        with name_refusals(*_REFUSALS):
            x = _create_array(inputs, case.dtype, case.device)
            dy = _create_array(output_gradient, case.dtype, case.device)
            return call_once(_prepare_call(case, layer, x, dy))

    def prepare_network(self, model: Any, inputs: Any, step: NetworkStep) -> Call:
        with name_refusals(*_REFUSALS):
            return call_once(create_step(model, inputs, step, _find_devices()[step.device]))

    def read_scope(self) -> str:
        return ""

    def compute_activation(self, name: str, y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import keras

        # Its name since JAX 0.8, and before.
        wide = jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()
        with wide, jax.default_device(jax.devices("cpu")[0]):
            after, pull_back = jax.vjp(keras.activations.get(name), jnp.asarray(y, jnp.float64))
            if after.shape != y.shape:
                return np.asarray(after), y
            # Keras lets some activations compute in float32 alone.
            (gradient,) = pull_back(jnp.asarray(dy, after.dtype))
        return np.asarray(after), np.asarray(gradient)

    def prepare_matrix_product(self, dtype: str, size: int, device: str) -> Call:
        fast = dtype == TENSORFLOAT32
        if fast and (device.startswith("CPU") or jax.config.jax_default_matmul_precision in _EXACT):
            raise refuse_tensorfloat32()
        dtype = "float32" if fast else dtype
        with name_refusals(*_REFUSALS):
            arguments = [
                _create_array(np.random.default_rng(i).standard_normal((size, size)), dtype, device)
                for i in (0, 1)
            ]
            # What JAX does unless told otherwise is what its convolutions do, too.
            multiply = partial(jnp.matmul, precision=None if fast else "highest")
            return call_once(_synchronise(jax.jit(multiply), *arguments))

    def prepare_triad(self, elements: int, repeats: int, device: str) -> Call:
        target = _create_array(np.full(elements, 0.5), "float32", device)
        source = _create_array(np.full(elements, 0.25), "float32", device)

        def triad(a: jax.Array, b: jax.Array) -> jax.Array:
            return jax.lax.fori_loop(0, repeats, lambda _, a: a - 1e-9 * b, a)

        compiled = jax.jit(triad, donate_argnums=0)
        state = [target]

        def call() -> jax.Array:
            state[0] = jax.block_until_ready(compiled(state[0], source))
            return state[0]

        return call_once(call)

    def prepare_copy(self, elements: int, repeats: int, device: str) -> Call:
        if device.startswith("CPU"):
            return call_once(host.prepare_host_copy(elements, repeats, count_processors()))
        source = _create_array(np.full(elements, 0.5), "float32", device)

        def copy(b: jax.Array) -> jax.Array:
            # What depends on the counter is not taken for the copy before.
            return jax.lax.fori_loop(0, repeats, lambda i, a: b + 0.0 * i, b)

        return call_once(_synchronise(jax.jit(copy), source))

    @contextmanager
    def trace(self, folder: Path) -> Iterator[None]:
        options = jax.profiler.ProfileOptions()
        # Tracing every Python call would slow down what is traced.
        options.python_tracer_level = 0
        jax.profiler.start_trace(str(folder), profiler_options=options)
        try:
            yield
        finally:
            jax.profiler.stop_trace()

    def mark_step(self, name: str, number: int) -> AbstractContextManager:
        return jax.profiler.StepTraceAnnotation(name, step_num=number)

    def convert_to_arrays(self, result: Any) -> list[np.ndarray]:
        return [np.asarray(part, dtype=np.float64) for part in jax.tree_util.tree_leaves(result)]

    def prepare_empty_call(self, mode: str, device: str) -> Call:
        array = _create_array(np.zeros(1), "float32", device)
        empty = jnp.positive if mode == "eager" else jax.jit(jnp.positive)
        return call_once(_synchronise(empty, array))


FRAMEWORK = _Jax()


def _prepare_call(case: ConvCase, layer: Any, x: jax.Array, dy: jax.Array) -> Call:
    """The case's direction and mode, not called yet."""
    device = _find_devices()[case.device]
    weights = [jax.device_put(weight.value, device) for weight in layer.trainable_variables]
    others = [jax.device_put(weight.value, device) for weight in layer.non_trainable_variables]

    def forward(weights: list[jax.Array], x: jax.Array) -> jax.Array:
        return layer.stateless_call(weights, others, x)[0]

    def pull_back(weights: list[jax.Array], x: jax.Array) -> tuple[jax.Array, Callable]:
        if case.input_gradient:
            return jax.vjp(lambda x, weights: forward(weights, x), x, weights)
        return jax.vjp(lambda weights: forward(weights, x), weights)

    def train(weights: list[jax.Array], x: jax.Array, dy: jax.Array) -> Any:
        y, pullback = pull_back(weights, x)
        return y, pullback(dy)

    def backward(pullback: Callable, dy: jax.Array) -> Any:
        return pullback(dy)

    if case.direction == "forward":
        step, arguments = forward, (weights, x)
    elif case.direction == "train":
        step, arguments = train, (weights, x, dy)
    else:
        # The pullback is data, its residuals among it: what is compiled computes no forward pass.
        _, pullback = pull_back(weights, x)
        step, arguments = backward, (pullback, dy)
    # Called through jit: what ``lower().compile()`` returns is called by Python, which takes longer.
    return _synchronise(step if case.mode == "eager" else jax.jit(step), *arguments)


def _synchronise(function: Callable, *arguments: Any) -> Call:
    """A call of ``function`` that waits for its results."""
    return lambda: jax.block_until_ready(function(*arguments))


def _create_array(array: Any, dtype: str, device: str) -> jax.Array:
    made = jax.device_put(jnp.asarray(np.asarray(array, np.float32)).astype(dtype), _find_devices()[device])
    if made.dtype.name != dtype:
        raise ValueError(f"JAX makes {made.dtype.name} of {dtype} unless jax_enable_x64 is on")
    return made


def _find_devices() -> dict[str, Any]:
    """JAX's devices by our names; the CPU is among them, unless JAX_PLATFORMS leaves it out."""
    found: dict[str, Any] = {}
    with contextlib.suppress(RuntimeError):
        found["CPU:0"] = jax.devices("cpu")[0]
    for device in jax.devices():
        if _KINDS.get(device.platform) == "GPU":
            found[f"GPU:{device.id}"] = device
    return found
