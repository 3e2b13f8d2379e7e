"""The optimizer that networks are measured with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def create_adam(variables: Sequence[Any]) -> Any:
    """Keras's Adam for ``variables``, with all its state.

    Its rate is 0: it does its whole work, and the variables stay as they are.
    """
    import keras

    # As ``compile("adam")`` gets it: in Keras 2.12 ``keras.optimizers.Adam`` is an older one.
    optimizer = keras.optimizers.get("adam")
    optimizer.learning_rate = 0.0
    optimizer.build(variables)
    return optimizer
