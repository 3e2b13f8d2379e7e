"""Kinds of ceilings: measured by ``bench.plan``, read by ``analysis.limits``.

A saved file holds these names. Needs nothing but the standard library.
"""

from __future__ import annotations

#: The product of two square matrices.
MATRIX_PRODUCT = "matrix_product"
#: Streams through memory: ``a = b``, and ``a -= s * b`` in place.
COPY, TRIAD = "copy", "triad"
#: A compiled function that does nothing.
EMPTY_CALL = "empty_call"
