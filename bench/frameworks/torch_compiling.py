"""torch.compile, made so that nothing runs uncompiled in silence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch._functorch.config

# A case that silently ran eagerly would pass for one that was compiled.
if hasattr(torch._dynamo.config, "fail_on_recompile_limit_hit"):
    torch._dynamo.config.fail_on_recompile_limit_hit = True


def compile_call(function: Callable[..., Any], **options: Any) -> Callable[[Any], Any]:
    """``function`` (a layer, a model) of one argument by torch.compile; ``options`` are passed on to it."""

    def step(x: Any) -> Any:
        return function(x, **options)

    # Dynamo remembers programs by code object, and only a few for each, after which it silently runs eagerly:
    # all Keras layers share one.
    step.__code__ = step.__code__.replace()
    return torch.compile(step, dynamic=False, fullgraph=True)


def keep_activations() -> AbstractContextManager[Any]:
    """While it is entered, compiled code keeps the activations of its gradients for more than one call.

    Without it, the compiled gradients take the memory of the activations for their own results, and PyTorch
    refuses to run them twice (2.6 and later; earlier releases do not know the setting).
    """
    config = torch._functorch.config
    return config.patch(donated_buffer=False) if hasattr(config, "donated_buffer") else nullcontext()
