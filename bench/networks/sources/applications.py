"""``--model keras.applications:NAME``: an architecture that Keras brings, with random weights."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from bench.contract.printable import quote
from bench.networks.sources.errors import ModelError, describe_error

PREFIX = "keras.applications:"


def build_application(name: str, input_shapes: Sequence[tuple[int, ...]]) -> Any:
    """The model ``name`` for images of the shape given, or of its own. Nothing is downloaded.

    Raises :class:`ModelError`.
    """
    import keras
    from keras import applications  # in Keras 2.12, importing Keras is not enough

    known = [word for word in dir(applications) if word[:1].isupper()]
    if name not in known:
        lower = {word.lower(): word for word in known}
        close = difflib.get_close_matches(name.lower(), lower, n=1)
        hint = f"did you mean {lower[close[0]]}?" if close else f"there are: {', '.join(known)}"
        raise ModelError(f"keras.applications of Keras {keras.__version__} has no {quote(name)}; {hint}")
    if len(input_shapes) > 1:
        raise ModelError(f"{PREFIX}{name} has one input, and --model-input gives {len(input_shapes)}")
    given = {"input_shape": input_shapes[0]} if input_shapes else {}
    try:
        return getattr(applications, name)(weights=None, **given)
    except Exception as error:  # whatever an architecture says of a shape that it cannot take
        raise ModelError(f"{PREFIX}{name} failed: {describe_error(error)}") from error
