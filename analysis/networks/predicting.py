"""What the layers alone say of a changed network, to be held against what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.networks.network import MeasuredLayer, MeasuredVariant


def predict_ratio(variant: MeasuredVariant, layers: Sequence[MeasuredLayer], seconds: float) -> float | None:
    """A variant's time over that of the network as it is, ``seconds``, were it the sum of its layers.

    1 + sum over the changed layers of (other - own) / seconds, both alone. A call of a layer alone takes time
    that the layer inside a network does not, but both take it, and it falls out of the difference. The result
    may be below 0 where layers take longer alone than in the network. None where a changed layer was not
    measured.
    """
    difference = 0.0
    for layer in layers:
        if layer.found.name not in variant.converted:
            continue
        if layer.alone_seconds is None or layer.other_seconds is None:
            return None
        difference += layer.other_seconds - layer.alone_seconds
    return 1 + difference / seconds
