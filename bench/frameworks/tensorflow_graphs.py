"""TensorFlow's backward pass alone, cut out of the graph of both passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from bench.frameworks.interface import Unsupported

#: The operations of a forward pass; none may run inside a timed *backward* call.
FORWARD_OPERATIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})


def cut_out_backward(
    forward: Callable[[tf.Tensor], tf.Tensor],
    weights: Sequence[tf.Variable],
    input_gradient: bool,
    x: tf.Tensor,
    dy: tf.Tensor,
) -> tuple[Callable, tuple[tf.Tensor, ...]]:
    """The gradients of ``forward`` as a function of the activations that they need.

    One graph holds forward pass and gradients. It is cut where gradient operations read what depends on the
    input, so that its second half computes gradients and nothing else. Returns that half and its arguments:
    the output gradient, then the saved activations.

    Raises ``RuntimeError`` where an operation of the forward pass is left in it, ``Unsupported`` where the
    graph cannot be cut.
    """
    forward_operations = []

    def compute_both(x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        y = forward(x)
        forward_operations.extend(y.graph.get_operations())
        sources = [x, *weights] if input_gradient else list(weights)
        return y, tf.gradients(y, sources, grad_ys=dy)

    signature = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in (x, dy)]
    whole = tf.compat.v1.wrap_function(compute_both, signature)
    x_in, dy_in = whole.inputs[:2]
    gradient_operations = whole.graph.get_operations()[len(forward_operations) :]
    saved = _find_saved(x_in, forward_operations, gradient_operations)
    try:
        backward = whole.prune([dy_in, *saved], whole.structured_outputs[1])
    except KeyError:
        raise Unsupported("TensorFlow cannot cut the backward pass out of this layer's graph") from None
    left = FORWARD_OPERATIONS.intersection(
        operation.type for operation in find_needed_operations(backward.outputs)
    )
    if left:
        raise RuntimeError(f"the backward function still computes forward: {', '.join(sorted(left))}")
    activations = whole.prune([x_in, dy_in], saved)(x, dy)

    # Called directly, a pruned function is specialised again at every call (measured: 13 ms instead
    # of 2); inside a tf.function it is inlined once.
    def compute_gradients(*arguments: tf.Tensor) -> list[tf.Tensor]:
        return backward(*arguments)

    return compute_gradients, (dy, *activations)


def find_needed_operations(outputs: Sequence[tf.Tensor]) -> set[tf.Operation]:
    """The operations that ``outputs`` need; a graph's others are never run."""
    found: set[tf.Operation] = set()
    pending = [tensor.op for tensor in outputs]
    while pending:
        operation = pending.pop()
        if operation not in found:
            found.add(operation)
            pending += [tensor.op for tensor in operation.inputs]
            pending += operation.control_inputs
    return found


def _find_saved(
    x: tf.Tensor, forward_operations: Sequence[tf.Operation], gradient_operations: Sequence[tf.Operation]
) -> list[tf.Tensor]:
    """The tensors that depend on ``x`` and that gradient operations read, ``x`` among them."""
    read = {tensor.ref() for operation in gradient_operations for tensor in operation.inputs}
    activations = {x.ref(): x}
    for operation in forward_operations:
        if any(tensor.ref() in activations for tensor in operation.inputs):
            activations.update((tensor.ref(), tensor) for tensor in operation.outputs)
    return [tensor for reference, tensor in activations.items() if reference in read]
