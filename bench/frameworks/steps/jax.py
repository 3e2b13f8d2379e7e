"""A network's step in JAX, not called yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from bench.frameworks.interface import NetworkStep
from bench.frameworks.steps.adam import create_adam
from bench.frameworks.steps.loss import draw_targets, refuse_frozen

#: Trainable variables, all others (statistics, seeds), and those of the optimizer.
State = tuple[list[jax.Array], list[jax.Array], list[jax.Array]]


def create_step(model: Any, inputs: Any, step: NetworkStep, device: Any) -> Callable[[], object]:
    """``step`` of ``model`` on ``device``, JAX's own. Raises :class:`bench.frameworks.interface.Unsupported`.

    The state that a step changes is the call's own: ``model`` stays as it is.
    """
    inputs = jax.device_put(inputs, device)
    # What a call consumes must not be the model's.
    trainable, others = _copy(model.trainable_variables, device), _copy(model.non_trainable_variables, device)
    if step.training:
        return _create_training(model, inputs, step, (trainable, others, []), device)

    def infer(trainable: list[jax.Array], others: list[jax.Array], inputs: Any) -> Any:
        return _call_model(model, trainable, others, inputs, training=False)[0]

    function = infer if step.mode == "eager" else jax.jit(infer)
    return lambda: jax.block_until_ready(function(trainable, others, inputs))


def _create_training(
    model: Any, inputs: Any, step: NetworkStep, state: State, device: Any
) -> Callable[[], object]:
    """A call that computes loss and gradients, applies them where ``step`` says so, and keeps the state."""
    refuse_frozen(state[0])
    optimizer = None
    if step.with_adam:
        optimizer = create_adam(model.trainable_variables)
        state = (*state[:2], _copy(optimizer.variables, device))

    def compute_loss(trainable: list[jax.Array], others: list[jax.Array], inputs: Any, targets: Any) -> Any:
        outputs, others, added = _call_model(model, trainable, others, inputs, training=True)
        differences = [
            jnp.mean(jnp.square(output.astype(jnp.float32) - target))
            for output, target in zip(_list_floating(outputs), targets, strict=True)
        ]
        return sum([*differences, *(jnp.sum(loss).astype(jnp.float32) for loss in added)]), others

    def train(state: State, inputs: Any, targets: list[jax.Array]) -> tuple[Any, State]:
        trainable, others, adam = state
        with_gradients = jax.value_and_grad(compute_loss, has_aux=True)
        (loss, others), gradients = with_gradients(trainable, others, inputs, targets)
        if optimizer:
            trainable, adam = optimizer.stateless_apply(adam, gradients, trainable)
        return (loss, gradients), (trainable, others, adam)

    targets = jax.device_put(_draw_targets(model, state, inputs), device)
    # As in Keras's ``fit``, the new state takes the place of the old one.
    function = train if step.mode == "eager" else jax.jit(train, donate_argnums=0)
    kept = [state]

    def call() -> Any:
        result, kept[0] = jax.block_until_ready(function(kept[0], inputs, targets))
        return result

    return call


def _call_model(
    model: Any, trainable: Sequence[Any], others: Sequence[Any], inputs: Any, *, training: bool
) -> tuple[Any, list[Any], list[Any]]:
    """Outputs, new values of the other variables, and the losses that the model adds.

    ``model.stateless_call`` would do, did it not fail where ``call`` has no argument ``training``.
    """
    import keras

    references = [*model.trainable_variables, *model.non_trainable_variables]
    values = [*trainable, *others]
    with keras.StatelessScope(list(zip(references, values, strict=True)), collect_losses=True) as scope:
        outputs = model(inputs, training=training)
        added = model.losses
    return outputs, [scope.get_current_value(one) for one in model.non_trainable_variables], added


def _draw_targets(model: Any, state: State, inputs: Any) -> list[Any]:
    """Targets for the outputs, whose shapes a trace of its own finds."""

    def infer(trainable: list[jax.Array], others: list[jax.Array], inputs: Any) -> list[jax.Array]:
        return _list_floating(_call_model(model, trainable, others, inputs, training=True)[0])

    return draw_targets([output.shape for output in jax.eval_shape(infer, *state[:2], inputs)])


def _list_floating(outputs: Any) -> list[jax.Array]:
    return [y for y in jax.tree_util.tree_leaves(outputs) if jnp.issubdtype(y.dtype, jnp.floating)]


def _copy(variables: Sequence[Any], device: Any) -> list[jax.Array]:
    return [jax.device_put(jnp.array(variable.value, copy=True), device) for variable in variables]
