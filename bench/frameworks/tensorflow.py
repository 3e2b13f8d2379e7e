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
from bench.frameworks.interface import Call, Unsupported, call_once, name_refusals, no_tensorfloat32
from bench.frameworks.native_errors import keep_native_errors

# While it loads and looks for GPUs, TensorFlow logs to the terminal, whatever its log level is.
with keep_native_errors(hidden=True):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    for _gpu in tf.config.list_physical_devices("GPU"):
        # Several processes share a GPU: those of a campaign, and those that trace.
        tf.config.experimental.set_memory_growth(_gpu, True)
    tf.config.list_logical_devices()

_tf32 = tf.config.experimental

#: The operations of a forward pass; none may run inside a timed *backward* call.
FORWARD_OPERATIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})

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

    def devices(self) -> tuple[str, ...]:
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

    def placed_on(self, device: str) -> AbstractContextManager:
        return tf.device(device)

    def layer_call(self, case: ConvCase, layer: Any, inputs: Any, output_gradient: Any) -> Call:
        with name_refusals(*_REFUSALS), tf.device(case.device):
            x, dy = _tensor(inputs, case.dtype), _tensor(output_gradient, case.dtype)
            return call_once(_layer_call(case, layer, x, dy))

    def activation(self, name: str, y: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import keras

        with tf.device("CPU:0"), tf.GradientTape() as tape:
            before = tf.constant(y, tf.float64)
            tape.watch(before)
            after = keras.activations.get(name)(before)
        if after.shape != before.shape:
            return after.numpy(), y
        gradient = tape.gradient(after, before, tf.constant(dy, tf.float64))
        return after.numpy(), gradient.numpy()

    def matrix_product(self, dtype: str, size: int, device: str) -> Call:
        fast = dtype == TENSORFLOAT32
        if fast and (device.startswith("CPU") or not _tf32.tensor_float_32_execution_enabled()):
            raise no_tensorfloat32()
        dtype = "float32" if fast else dtype
        with name_refusals(*_REFUSALS), tf.device(device):
            a, b = (_tensor(np.random.default_rng(i).standard_normal((size, size)), dtype) for i in (0, 1))
            product = _synchronised(_compiled(tf.matmul, (a, b)), (a, b), device)

        def exact() -> object:
            allowed = _tf32.tensor_float_32_execution_enabled()
            _tf32.enable_tensor_float_32_execution(False)
            try:
                return product()
            finally:
                _tf32.enable_tensor_float_32_execution(allowed)

        is_exact = dtype == "float32" and not fast and not device.startswith("CPU")
        with name_refusals(*_REFUSALS):
            return call_once(exact if is_exact else product)

    def triad(self, elements: int, repeats: int, device: str) -> Call:
        with tf.device(device):
            vector = tf.fill((elements,), 0.5)
            variable = tf.Variable(vector)

            def triad(delta):
                # A stateful operation: the graph optimizer can neither fold nor reorder the chain.
                for _ in range(repeats):
                    tf.raw_ops.ResourceApplyGradientDescent(
                        var=variable.handle, alpha=tf.constant(1e-6), delta=delta
                    )

            return call_once(_synchronised(_compiled(triad, (vector,)), (vector,), device))

    def copy(self, elements: int, repeats: int, device: str) -> Call:
        if not device.startswith("CPU"):
            return self._device_copy(elements, repeats, device)
        # TensorFlow has no threaded copy between buffers that exist already.
        threads = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
        return call_once(host.copy(elements, repeats, threads))

    def _device_copy(self, elements: int, repeats: int, device: str) -> Call:
        with tf.device(device):
            vector = tf.fill((elements,), 0.5)

            def copy(source):
                copied = source
                for _ in range(repeats):
                    with tf.control_dependencies([copied]):
                        copied = tf.raw_ops.DeepCopy(x=source)
                return copied

            return call_once(_synchronised(_compiled(copy, (vector,)), (vector,), device))

    @contextmanager
    def tracing(self, folder: Path) -> Iterator[None]:
        tf.profiler.experimental.start(str(folder))
        try:
            yield
        finally:
            tf.profiler.experimental.stop()

    def step_annotation(self, name: str, number: int) -> AbstractContextManager:
        return tf.profiler.experimental.Trace(name, step_num=number, _r=1)

    def arrays(self, result: Any) -> list[np.ndarray]:
        return [np.asarray(tensor, dtype=np.float64) for tensor in tf.nest.flatten(result)]

    def empty_call(self, mode: str, device: str) -> Call:
        with tf.device(device):
            tensor = tf.zeros((1,))
            empty = _compiled(tf.identity, (tensor,), jit=mode == "xla")
            return call_once(_synchronised(empty, (tensor,), device))


FRAMEWORK = _TensorFlow()


def _layer_call(case: ConvCase, layer: Any, x: tf.Tensor, dy: tf.Tensor) -> Call:
    # Keras 3 wraps TensorFlow's variables, Keras 2 uses them as they are.
    weights = [w if isinstance(w, tf.Variable) else w.value for w in layer.trainable_weights]
    sources = ([x] if case.input_gradient else []) + weights

    def forward(x):
        return layer(x)

    def train(x, dy):
        with tf.GradientTape() as tape:
            if case.input_gradient:
                tape.watch(x)
            y = layer(x)
        # y is returned too: without it the optimizer drops the dense forward but keeps the
        # depthwise one, and the two layers would do different work.
        return y, tape.gradient(y, ([x] if case.input_gradient else []) + weights, output_gradients=dy)

    if case.direction == "backward":
        if case.mode == "eager":
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(x)
                y = layer(x)
            return _synchronised(lambda: tape.gradient(y, sources, output_gradients=dy), (), case.device)
        function, saved = backward_graph(forward, weights, case.input_gradient, x, dy)
        return _synchronised(_compiled(function, saved, jit=case.mode == "xla"), saved, case.device)

    step, arguments = (forward, (x,)) if case.direction == "forward" else (train, (x, dy))
    if case.mode != "eager":
        step = _compiled(step, arguments, jit=case.mode == "xla")
    return _synchronised(step, arguments, case.device)


def backward_graph(
    forward: Callable[[tf.Tensor], tf.Tensor],
    weights: Sequence[tf.Variable],
    input_gradient: bool,
    x: tf.Tensor,
    dy: tf.Tensor,
) -> tuple[Callable, tuple[tf.Tensor, ...]]:
    """The gradients of ``forward`` as a graph function of the activations that they need.

    One graph holds forward and gradients; cut where gradient operations read what depends on
    the input, its second half computes gradients and nothing else. Returns that half and its
    arguments (the output gradient, then the saved activations).

    Raises ``RuntimeError`` where an operation of the forward pass is left in it.
    """
    forward_operations = []

    def both(x, dy):
        y = forward(x)
        forward_operations.extend(y.graph.get_operations())
        gradients = tf.gradients(y, ([x] if input_gradient else []) + list(weights), grad_ys=dy)
        return y, gradients

    signature = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in (x, dy)]
    whole = tf.compat.v1.wrap_function(both, signature)
    x_in, dy_in = whole.inputs[:2]

    gradient_operations = whole.graph.get_operations()[len(forward_operations) :]
    read = {tensor.ref() for operation in gradient_operations for tensor in operation.inputs}
    activations = {x_in.ref(): x_in}
    for operation in forward_operations:
        if any(tensor.ref() in activations for tensor in operation.inputs):
            activations.update((tensor.ref(), tensor) for tensor in operation.outputs)
    saved = [tensor for ref, tensor in activations.items() if ref in read]

    try:
        backward = whole.prune([dy_in, *saved], whole.structured_outputs[1])
    except KeyError:
        raise Unsupported("TensorFlow cannot cut the backward pass out of this layer's graph") from None
    left = FORWARD_OPERATIONS.intersection(op.type for op in operations_behind(backward.outputs))
    if left:
        raise RuntimeError(f"the backward function still computes forward: {', '.join(sorted(left))}")
    values = whole.prune([x_in, dy_in], saved)(x, dy)

    # Called directly, a pruned function is specialised again at every call (measured: 13 ms instead
    # of 2); inside a tf.function it is inlined once.
    def gradients(*arguments):
        return backward(*arguments)

    return gradients, (dy, *values)


def operations_behind(outputs: Sequence[tf.Tensor]) -> set[tf.Operation]:
    """The operations that ``outputs`` need; a graph's others are never run."""
    found: set[tf.Operation] = set()
    pending = [tensor.op for tensor in outputs]
    while pending:
        operation = pending.pop()
        if operation not in found:
            found.add(operation)
            pending += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return found


def _compiled(function: Callable, arguments: Sequence[tf.Tensor], *, jit: bool = False) -> Callable:
    return tf.function(function, jit_compile=jit, autograph=False).get_concrete_function(*arguments)


def _synchronised(function: Callable, arguments: Sequence[tf.Tensor], device: str) -> Call:
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


def _tensor(array: Any, dtype: str) -> tf.Tensor:
    return tf.cast(tf.constant(array, tf.float32), dtype)
