"""Figures drawn in processes of their own, while the page is being put together."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from analysis.figures.style import apply_style, close, lay_out, save_png, save_svg

#: A report has a few dozen figures.
_MOST = 8


class RenderedFigure(NamedTuple):
    """A figure as files; ``png`` is for where SVG cannot be shown, and small figures have none."""

    svg: bytes
    png: bytes | None


class Renderer:
    """Draws what it is given, in the order in which it is given; a context.

    On Linux by forks of this process, one a core: they have loaded everything already. Elsewhere, and on a
    single core, one after the other in a thread.
    """

    def __init__(self) -> None:
        cores = min(_MOST, len(os.sched_getaffinity(0))) if sys.platform == "linux" else 1
        self._executor: Executor = (
            ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("fork"))
            if cores > 1
            else ThreadPoolExecutor(1)
        )

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def draw(
        self, draw: Callable[..., Figure | None], *arguments: Any, small: bool = False
    ) -> Future[RenderedFigure | None]:
        """What ``draw`` makes of ``arguments``, once it is done; ``None`` where there is nothing to show.

        ``draw`` is a function of a module: another process must find it.
        """
        return self._executor.submit(_drawn, draw, arguments, small)


def _drawn(
    draw: Callable[..., Figure | None], arguments: tuple[Any, ...], small: bool
) -> RenderedFigure | None:
    with apply_style():
        figure = draw(*arguments)
        if figure is None:
            return None
        lay_out(figure)
        made = RenderedFigure(save_svg(figure), None if small else save_png(figure))
        close(figure)
        return made
