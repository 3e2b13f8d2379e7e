"""A network's step in TensorFlow, not called yet and waiting for no device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from bench.frameworks.interface import NetworkStep, Unsupported
from bench.frameworks.steps.adam import create_adam
from bench.frameworks.steps.loss import draw_targets, refuse_frozen


def create_step(model: Any, inputs: Any, step: NetworkStep) -> Callable[[], object]:
    """``step`` of ``model``; in a graph, already traced. Raises :class:`Unsupported`."""
    import keras

    tensors = [tf.constant(array) for array in tf.nest.flatten(inputs)]

    def forward(*flat: tf.Tensor) -> Any:
        return model(tf.nest.pack_sequence_as(inputs, flat), training=step.training)

    if step.mode != "eager" and keras.__version__.startswith("2."):
        # There a model's own ``call`` may branch on tensors in Python, as in ``fit``: Keras converts it where
        # what calls it is converted. Keras 3 converts nothing, and neither does ``fit`` there.
        forward = tf.autograph.to_graph(forward)
    function = _create_training(model, forward, step) if step.training else forward
    if step.mode == "eager":
        return lambda: function(*tensors)
    compiled = tf.function(function, jit_compile=step.mode == "xla", autograph=False)
    concrete = compiled.get_concrete_function(*tensors)

    return lambda: concrete(*tensors)


def _create_training(model: Any, forward: Callable, step: NetworkStep) -> Callable:
    """A function of the inputs that computes loss and gradients, and applies them where ``step`` says so."""
    variables = model.trainable_variables
    refuse_frozen(variables)
    # Keras 3 wraps TensorFlow's variables, Keras 2 uses them as they are.
    sources = [v if isinstance(v, tf.Variable) else v.value for v in variables]
    optimizer = create_adam(variables) if step.with_adam else None
    targets: list[tf.Tensor] = []

    def train(*flat: tf.Tensor) -> tuple[tf.Tensor, list[Any]]:
        with tf.GradientTape() as tape:
            outputs = [y for y in tf.nest.flatten(forward(*flat)) if _is_floating(y)]
            if not targets:
                targets.extend(_create_targets(outputs, step.device))
            loss = _compute_loss(outputs, targets, model.losses)
        # A weight that the loss does not depend on has no gradient: Keras passes over it, too.
        found = [
            (gradient, variable)
            for gradient, variable in zip(tape.gradient(loss, sources), variables, strict=True)
            if gradient is not None
        ]
        if not found:
            raise Unsupported("the network's outputs depend on no trainable weight")
        if optimizer:
            optimizer.apply_gradients(found)
        return loss, [gradient for gradient, _ in found]

    return train


def _is_floating(output: Any) -> bool:
    return isinstance(output, tf.Tensor) and output.dtype.is_floating


def _create_targets(outputs: Sequence[tf.Tensor], device: str) -> list[tf.Tensor]:
    """The targets as tensors on ``device``, also where a graph is being traced: as its inputs."""
    if not all(output.shape.rank is not None for output in outputs):
        raise Unsupported("the network has an output whose shape is known only when it runs")
    arrays = draw_targets([output.shape.as_list() for output in outputs])
    with tf.init_scope(), tf.device(device):
        return [tf.constant(array) for array in arrays]


def _compute_loss(
    outputs: Sequence[tf.Tensor], targets: Sequence[tf.Tensor], added: Sequence[tf.Tensor]
) -> tf.Tensor:
    differences = [
        tf.reduce_mean(tf.square(tf.cast(output, tf.float32) - target))
        for output, target in zip(outputs, targets, strict=True)
    ]
    return tf.add_n([*differences, *(tf.cast(tf.reduce_sum(loss), tf.float32) for loss in added)])
