"""The loss that networks are measured with, as far as it is the same in every framework.

It is the sum, over all floating-point outputs, of the mean squared difference to random targets, and what
the model adds itself: regularizers, ``add_loss``. Any network has it, whatever it was made for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.frameworks.interface import Unsupported


def draw_targets(shapes: Sequence[Sequence[int | None]]) -> list[np.ndarray]:
    """A float32 target for each output, random and the same for the same shapes.

    Raises :class:`Unsupported` where there is no output, or where the size of one is not known (``None``).
    """
    if not shapes:
        raise Unsupported("the network has no floating-point output that a loss could be computed of")
    if any(size is None for shape in shapes for size in shape):
        raise Unsupported("the network has an output whose size is known only when it runs")
    return [
        np.random.default_rng(place).standard_normal(tuple(shape), dtype=np.float32)
        for place, shape in enumerate(shapes)
    ]


def refuse_frozen(weights: Sequence[object]) -> None:
    """Raise :class:`Unsupported` where there is no trainable weight."""
    if not weights:
        raise Unsupported("the network has no trainable weight")
