"""Palette, text and axes that all figures share."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

mpl.use("agg")

# Okabe and Ito's palette, safe for colour-blind readers.
DENSE_COLOUR, SEPARABLE_COLOUR = "#0072B2", "#D55E00"
DIRECTION_COLOURS = {"forward": "#009E73", "backward": "#CC79A7", "train": "#56B4E9"}
INK, FAINT = "#222222", "#999999"
_GRID, _EDGE = "#e6e6e6", "#cccccc"
#: More points than this become an image inside the figure: as text, each would be a line of the file.
MANY = 1500
#: What each colour becomes on a dark page.
_DARK = {
    INK: "#e6e6e6",
    FAINT: "#a6a6a6",
    _GRID: "#3d3d3d",
    _EDGE: "#666666",
    DENSE_COLOUR: "#56a8e0",
    SEPARABLE_COLOUR: "#ff8a3d",
}


@contextmanager
def apply_style() -> Iterator[None]:
    """Settings for all figures; SVG text stays text and ids are reproducible."""
    with (
        sns.axes_style("whitegrid", {"grid.color": _GRID, "axes.edgecolor": _EDGE}),
        plt.rc_context(
            {
                "font.size": 9,
                "axes.titlesize": 10,
                "axes.labelcolor": INK,
                "text.color": INK,
                "xtick.color": INK,
                "ytick.color": INK,
                "svg.fonttype": "none",
                "svg.hashsalt": "separable-conv-bench",
                "figure.constrained_layout.use": True,
            }
        ),
    ):
        yield


def scale_logarithmic(axis: Axes, *, x: bool = False, y: bool = False, scale_y: float = 1.0) -> None:
    """Make axes logarithmic, with ticks in plain numbers; those of y are divided by ``scale_y``."""
    for wanted, which, scale, set_scale in (
        (x, axis.xaxis, 1.0, axis.set_xscale),
        (y, axis.yaxis, scale_y, axis.set_yscale),
    ):
        if wanted:
            set_scale("log")
            which.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
            which.set_major_formatter(FuncFormatter(lambda value, _, s=scale: f"{value / s:g}"))
            which.set_minor_locator(NullLocator())


def compute_error_bars(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Intervals as matplotlib wants them: distances from ``value``, in two rows, below and above.

    The median of few values may lie on its interval's edge, so no distance is negative. An interval without
    end gets no bar.
    """
    distances = np.maximum(0, np.array([value - low, high - value], dtype=float))
    return np.where(np.isfinite(distances), distances, 0)


def add_legend_above(figure: Figure, columns: int) -> None:
    """One legend for all panels, above them: that of the first."""
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=columns, frameon=False)


def format_ratio(value: float) -> str:
    """A time ratio with two digits after the point; from 10 on, with none."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def escape_text(name: str) -> str:
    """A name from a file, as text for matplotlib: a dollar sign must not start mathematics."""
    return name.replace("$", r"\$")


def lay_out(figure: Figure) -> None:
    """Place everything in the figure, once for all formats that it is saved in."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    # A figure that keeps an engine, even one that does nothing, is drawn twice at each saving.
    with plt.rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)


def save_svg(figure: Figure) -> bytes:
    """The figure as SVG, with other colours on a dark page; the same bytes for the same figure."""
    content = io.BytesIO()
    figure.savefig(content, format="svg", dpi=150, metadata={"Date": None}, transparent=True)
    rules = "".join(
        f'[style*="{what}: {light.lower()}"]{{{what}:{dark} !important}}'
        for light, dark in _DARK.items()
        for what in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme: dark) {{{rules}}}</style></svg>"
    return content.getvalue().replace(b"</svg>", style.encode())


def save_png(figure: Figure) -> bytes:
    """The figure as PNG on white, for where SVG cannot be shown."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()


def close_figure(figure: Figure) -> None:
    """Let matplotlib forget the figure, which otherwise stays in memory."""
    plt.close(figure)
