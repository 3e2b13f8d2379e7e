"""A network's step in PyTorch, not called yet and waiting for no device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import torch

from bench.frameworks.interface import NetworkStep, Unsupported
from bench.frameworks.steps.adam import create_adam
from bench.frameworks.steps.loss import draw_targets, refuse_frozen
from bench.frameworks.torch_compiling import compile_call


def create_step(model: Any, inputs: Any, step: NetworkStep, device: str) -> Callable[[], object]:
    """``step`` of ``model`` on ``device``, PyTorch's own name. Raises :class:`Unsupported`."""
    tensors = keras.tree.map_structure(lambda array: torch.tensor(array, device=device), inputs)
    if step.mode == "xla":
        forward = compile_call(model, training=step.training)
    else:

        def forward(x: Any) -> Any:
            return model(x, training=step.training)

    if step.training:
        return _create_training(model, forward, tensors, step)

    def infer() -> Any:
        with torch.no_grad():
            return forward(tensors)

    return infer


def _create_training(model: Any, forward: Callable, tensors: Any, step: NetworkStep) -> Callable[[], object]:
    """A call that computes loss and gradients, and applies them where ``step`` says so.

    Loss and optimizer are not compiled in any mode: they are a few operations on all weights at once.
    """
    variables = model.trainable_variables
    refuse_frozen(variables)
    sources = [variable.value for variable in variables]
    optimizer = create_adam(variables) if step.with_adam else None
    targets: list[torch.Tensor] = []

    def train() -> tuple[torch.Tensor, list[torch.Tensor]]:
        outputs = [y for y in keras.tree.flatten(forward(tensors)) if _is_floating(y)]
        if not targets:
            targets.extend(_create_targets(outputs))
        loss = _compute_loss(outputs, targets, model.losses)
        gradients = torch.autograd.grad(loss, sources, allow_unused=True)
        # A weight that the loss does not depend on has no gradient: Keras passes over it, too.
        found = [
            (gradient, variable)
            for gradient, variable in zip(gradients, variables, strict=True)
            if gradient is not None
        ]
        if not found:
            raise Unsupported("the network's outputs depend on no trainable weight")
        if optimizer:
            with torch.no_grad():
                optimizer.apply_gradients(found)
        return loss.detach(), [gradient for gradient, _ in found]

    return train


def _is_floating(output: Any) -> bool:
    return isinstance(output, torch.Tensor) and output.is_floating_point()


def _create_targets(outputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    arrays = draw_targets([output.shape for output in outputs])
    return [torch.tensor(array, device=output.device) for array, output in zip(arrays, outputs, strict=True)]


def _compute_loss(
    outputs: Sequence[torch.Tensor], targets: Sequence[torch.Tensor], added: Sequence[torch.Tensor]
) -> torch.Tensor:
    differences = [
        torch.mean(torch.square(output.float() - target))
        for output, target in zip(outputs, targets, strict=True)
    ]
    return sum([*differences, *(loss.float().sum() for loss in added)])
