"""TensorFlow: tf.function, gradients from saved activations, devices, ceilings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.cases import TENSORFLOAT32, ConvCase
from bench.frameworks import host
from bench.frameworks.interface import Call, NetworkStep, call_once, name_refusals, refuse_tensorfloat32
from bench.frameworks.native_errors import keep_native_errors
from bench.machine.capacity import count_processors, read_asked_threads

# While it loads and looks for GPUs, TensorFlow logs to the terminal, whatever its log level is.
with keep_native_errors(hidden=True):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from bench.frameworks.steps.tensorflow import create_step
    from bench.frameworks.tensorflow_graphs import cut_out_backward

    for _gpu in tf.config.list_physical_devices("GPU"):
        # Several processes share a GPU: those of a campaign, and those that trace.
        tf.config.experimental.set_memory_growth(_gpu, True)
    tf.config.list_logical_devices()

_tf32 = tf.config.experimental

#: How TensorFlow and Keras say that a combination of settings cannot run.
_REFUSALS = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.NotFoundError,
    NotImplementedError,
    TypeError,
    ValueError,
)


class _TensorFlow:
    name = "tensorflow"

    def list_devices(self) -> tuple[str, ...]:
        return tuple(
            f"{kind}:{index}"
            for kind in ("CPU", "GPU")
            for index, _ in enumerate(tf.config.list_logical_devices(kind))
        )

    def describe(self) -> dict[str, Any]:
        build = tf.sysconfig.get_build_info()
        return {
            "tensorflow": tf.__version__,
            "modes": {
                "eager": "operation by operation",
                "graph": "tf.function",
                "xla": "tf.function with jit_compile",
            },
            "tensorflow_build": {
                key: build[key]
                for key in sorted(build)
                if key in ("cuda_version", "cudnn_version", "is_cuda_build")
            },
            "threads": {
                "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
                "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
            },
            "devices": {
                f"{device.device_type}:{index}": {
                    key: str(value)
                    for key, value in tf.config.experimental.get_device_details(device).items()
                }
                for kind in ("CPU", "GPU")
                for index, device in enumerate(tf.config.list_physical_devices(kind))
            },
        }

    def place_on(self, device: str) -> AbstractContextManager:
        return tf.device(device)

    def prepare_layer(self, case: ConvCase, layer: Any, inputs: Any, output_gradient: Any) -> Call:
        with name_refusals(*_REFUSALS), tf.device(case.device):
            x, dy = _create_tensor(inputs, case.dtype), _create_tensor(output_gradient, case.dtype)
            return call_once(_prepare_call(case, layer, x, dy))

    def prepare_network(self, model: Any, inputs: Any, step: NetworkStep) -> Call:
        with name_refusals(*_REFUSALS), tf.device(step.device):
            return call_once(_synchronise(create_step(model, inputs, step), (), step.device))

    def read_scope(self) -> str:
        return tf.get_current_name_scope()

    def compute_activation(self, name: str, y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import keras

        with tf.device("CPU:0"), tf.GradientTape() as tape:
            before = tf.constant(y, tf.float64)
            tape.watch(before)
            after = keras.activations.get(name)(before)
        if after.shape != before.shape:
            return after.numpy(), y
        gradient = tape.gradient(after, before, tf.constant(dy, tf.float64))
        return after.numpy(), gradient.numpy()

    def prepare_matrix_product(self, dtype: str, size: int, device: str) -> Call:
        fast = dtype == TENSORFLOAT32
        if fast and (device.startswith("CPU") or not _tf32.tensor_float_32_execution_enabled()):
            raise refuse_tensorfloat32()
        dtype = "float32" if fast else dtype
        with name_refusals(*_REFUSALS), tf.device(device):
            a = _create_tensor(np.random.default_rng(0).standard_normal((size, size)), dtype)
            b = _create_tensor(np.random.default_rng(1).standard_normal((size, size)), dtype)
            multiply = _synchronise(compile_function(tf.matmul, (a, b)), (a, b), device)

        def multiply_exactly() -> object:
            allowed = _tf32.tensor_float_32_execution_enabled()
            _tf32.enable_tensor_float_32_execution(False)
            try:
                return multiply()
            finally:
                _tf32.enable_tensor_float_32_execution(allowed)

        is_exact = dtype == "float32" and not fast and not device.startswith("CPU")
        with name_refusals(*_REFUSALS):
            return call_once(multiply_exactly if is_exact else multiply)

    def prepare_triad(self, elements: int, repeats: int, device: str) -> Call:
        with tf.device(device):
            vector = tf.fill((elements,), 0.5)
            variable = tf.Variable(vector)

            def triad(delta):
                # A stateful operation: the graph optimizer can neither fold nor reorder the chain.
                for _ in range(repeats):
                    tf.raw_ops.ResourceApplyGradientDescent(
                        var=variable.handle, alpha=tf.constant(1e-6), delta=delta
                    )

            return call_once(_synchronise(compile_function(triad, (vector,)), (vector,), device))

    def prepare_copy(self, elements: int, repeats: int, device: str) -> Call:
        if not device.startswith("CPU"):
            return self._prepare_device_copy(elements, repeats, device)
        # TensorFlow has no threaded copy between buffers that exist already.
        return call_once(host.prepare_host_copy(elements, repeats, _count_threads()))

    def _prepare_device_copy(self, elements: int, repeats: int, device: str) -> Call:
        with tf.device(device):
            vector = tf.fill((elements,), 0.5)

            def copy(source):
                copied = source
                for _ in range(repeats):
                    with tf.control_dependencies([copied]):
                        copied = tf.raw_ops.DeepCopy(x=source)
                return copied

            return call_once(_synchronise(compile_function(copy, (vector,)), (vector,), device))

    @contextmanager
    def trace(self, folder: Path) -> Iterator[None]:
        tf.profiler.experimental.start(str(folder))
        try:
            yield
        finally:
            tf.profiler.experimental.stop()

    def mark_step(self, name: str, number: int) -> AbstractContextManager:
        return tf.profiler.experimental.Trace(name, step_num=number, _r=1)

    def convert_to_arrays(self, result: Any) -> list[np.ndarray]:
        return [np.asarray(tensor, dtype=np.float64) for tensor in tf.nest.flatten(result)]

    def prepare_empty_call(self, mode: str, device: str) -> Call:
        with tf.device(device):
            tensor = tf.zeros((1,))
            empty = compile_function(tf.identity, (tensor,), jit=mode == "xla")
            return call_once(_synchronise(empty, (tensor,), device))


FRAMEWORK = _TensorFlow()


def _prepare_call(case: ConvCase, layer: Any, x: tf.Tensor, dy: tf.Tensor) -> Call:
    """The case's direction and mode, not called yet."""
    # Keras 3 wraps TensorFlow's variables, Keras 2 uses them as they are.
    weights = [w if isinstance(w, tf.Variable) else w.value for w in layer.trainable_weights]
    if case.direction == "backward":
        return _prepare_backward(case, layer, weights, x, dy)

    def forward(x):
        return layer(x)

    def train(x, dy):
        with tf.GradientTape() as tape:
            if case.input_gradient:
                tape.watch(x)
            y = layer(x)
        sources = [x, *weights] if case.input_gradient else weights
        # y is returned too: without it the optimizer drops the dense forward but keeps the
        # depthwise one, and the two layers would do different work.
        return y, tape.gradient(y, sources, output_gradients=dy)

    step, arguments = (forward, (x,)) if case.direction == "forward" else (train, (x, dy))
    if case.mode != "eager":
        step = compile_function(step, arguments, jit=case.mode == "xla")
    return _synchronise(step, arguments, case.device)


def _prepare_backward(
    case: ConvCase, layer: Any, weights: Sequence[tf.Variable], x: tf.Tensor, dy: tf.Tensor
) -> Call:
    """The gradients, from activations that were computed before."""
    if case.mode == "eager":
        sources = [x, *weights] if case.input_gradient else weights
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = layer(x)
        return _synchronise(lambda: tape.gradient(y, sources, output_gradients=dy), (), case.device)
    function, arguments = cut_out_backward(layer, weights, case.input_gradient, x, dy)
    compiled = compile_function(function, arguments, jit=case.mode == "xla")
    return _synchronise(compiled, arguments, case.device)


def compile_function(function: Callable, arguments: Sequence[tf.Tensor], *, jit: bool = False) -> Callable:
    """``function`` as a graph for arguments of these shapes and dtypes; ``jit`` compiles that with XLA."""
    return tf.function(function, jit_compile=jit, autograph=False).get_concrete_function(*arguments)


def _synchronise(function: Callable, arguments: Sequence[tf.Tensor], device: str) -> Call:
    """A call of ``function`` on ``device`` that waits until the device has done it."""

    def call():
        result = function(*arguments)
        tf.test.experimental.sync_devices()
        return result

    def call_elsewhere():
        with tf.device(device):
            return call()

    # Entering a device costs as much as calling a small layer: not where it changes nothing.
    default = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
    return call if device == default else call_elsewhere


def _count_threads() -> int:
    """The threads of an operation."""
    configured = tf.config.threading.get_intra_op_parallelism_threads()
    return configured or read_asked_threads(os.environ) or count_processors()


def _create_tensor(array: Any, dtype: str) -> tf.Tensor:
    return tf.cast(tf.constant(array, tf.float32), dtype)
