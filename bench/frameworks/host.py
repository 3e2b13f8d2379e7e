"""A threaded copy in the host's memory, by NumPy, for frameworks that have none of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bench.frameworks.interface import Call


def prepare_host_copy(elements: int, repeats: int, threads: int) -> Call:
    """``a = b`` between float32 vectors that exist already, ``repeats`` times, by so many threads.

    Allocating the target would measure page faults. NumPy copies without holding the interpreter's lock.
    """
    source = np.full(elements, 0.5, dtype=np.float32)
    target = np.full(elements, 0.25, dtype=np.float32)
    bounds = np.linspace(0, elements, threads + 1, dtype=int)
    pool = ThreadPoolExecutor(threads)

    def copy_share(share: int) -> None:
        part = slice(bounds[share], bounds[share + 1])
        for _ in range(repeats):
            np.copyto(target[part], source[part])

    def copy_all() -> list[None]:
        return list(pool.map(copy_share, range(threads)))

    return copy_all
