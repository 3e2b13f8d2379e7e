"""Figures become files in processes of their own, while the page is being put together."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from analysis.figures.style import apply_style, close_figure, lay_out, save_png, save_svg

#: A report has a few dozen figures: more processes would only wait for work.
_MOST_PROCESSES = 8


@dataclass(frozen=True)
class RenderedFigure:
    """A figure as files. ``png`` is for where SVG cannot be shown; small figures have none."""

    svg: bytes
    png: bytes | None


class Renderer:
    """Renders figures in the order in which they are asked for. Use it as a context.

    On Linux this is done by forks of this process, one a core: they have loaded everything already.
    Elsewhere, and on a single core, a thread renders one figure after the other.
    """

    def __init__(self) -> None:
        cores = min(_MOST_PROCESSES, len(os.sched_getaffinity(0))) if sys.platform == "linux" else 1
        self._executor: Executor = (
            ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("fork"))
            if cores > 1
            else ThreadPoolExecutor(1)
        )

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def render(
        self, draw: Callable[..., Figure], *arguments: Any, small: bool = False
    ) -> Future[RenderedFigure]:
        """Start to render what ``draw`` makes of ``arguments``; the result comes when it is done.

        ``draw`` must be a function of a module, so that another process finds it.
        """
        return self._executor.submit(_render, draw, arguments, small)


def _render(draw: Callable[..., Figure], arguments: tuple[Any, ...], small: bool) -> RenderedFigure:
    with apply_style():
        figure = draw(*arguments)
        lay_out(figure)
        rendered = RenderedFigure(svg=save_svg(figure), png=None if small else save_png(figure))
        close_figure(figure)
        return rendered
