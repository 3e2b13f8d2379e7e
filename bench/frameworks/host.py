"""What a framework without a threaded copy of its own borrows from NumPy: memory of the host."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bench.frameworks.interface import Call


def copy(elements: int, repeats: int, threads: int) -> Call:
    """``a = b`` between float32 vectors that exist already, by so many threads.

    Allocating the target would measure page faults; NumPy copies without holding the interpreter's lock.
    """
    source, target = (np.full(elements, value, dtype=np.float32) for value in (0.5, 0.25))
    bounds = np.linspace(0, elements, threads + 1, dtype=int)
    pool = ThreadPoolExecutor(threads)

    def copy_share(share: int) -> None:
        part = slice(bounds[share], bounds[share + 1])
        for _ in range(repeats):
            np.copyto(target[part], source[part])

    return lambda: list(pool.map(copy_share, range(threads)))
