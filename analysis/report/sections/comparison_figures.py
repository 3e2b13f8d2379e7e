"""The figures of the comparisons, each a section of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.answers.sentences import describe_shape
from analysis.figures import comparisons, rooflines
from analysis.figures.rendering import Renderer
from analysis.report.figure import ReportFigure
from analysis.report.section import Section
from analysis.report.study import Study

_COLUMNS = [
    "pair",
    "direction",
    "mode",
    "dtype",
    "device",
    "promised",
    "ratio",
    "low",
    "high",
    "verdict",
    "dense_seconds",
    "separable_seconds",
]


@dataclass(frozen=True)
class _Plan:
    """A figure to make: ``draw`` is given ``data`` (a row a point, with its ``verdict``) and ``options``."""

    key: str
    title: str
    how_to_read: str
    data: pd.DataFrame
    draw: Callable[..., Figure]
    options: tuple[Any, ...] = ()


def build_sections(study: Study, renderer: Renderer) -> list[Section]:
    """One for each figure that has something to show, the most telling first."""
    return [_build_section(plan, renderer) for plan in _list_plans(study)]


def _build_section(plan: _Plan, renderer: Renderer) -> Section:
    counts = plan.data["verdict"].value_counts()
    counted = ", ".join(f"{word} {count}" for word, count in counts.items())
    figure = ReportFigure(
        key=plan.key,
        title=plan.title,
        how_to_read=plan.how_to_read,
        says=f"{len(plan.data)} comparisons: {counted}.",
        rendered=renderer.render(plan.draw, plan.data, *plan.options),
        data=plan.data,
    )
    return Section(key=plan.key, title=plan.title, template="figure.html.j2", figures=(figure,))


def _list_plans(study: Study) -> list[_Plan]:
    if study.comparisons.empty:
        return []
    plans = [
        _plan_plane(study),
        _plan_named_shapes(study),
        _plan_promise(study),
        _plan_arms(study),
        _plan_roofline(study),
    ]
    return [plan for plan in plans if len(plan.data)]


def _plan_plane(study: Study) -> _Plan:
    return _Plan(
        key="plane",
        title="Where it wins and where it loses",
        how_to_read="Time of SeparableConv2D over time of Conv2D, below each its 95 % interval. Blue: "
        "separable is faster; orange: slower; white: no difference.",
        data=study.plane_and_arms.plane,
        draw=comparisons.draw_heatmaps,
    )


def _plan_named_shapes(study: Study) -> _Plan:
    return _Plan(
        key="named_shapes",
        title="Named shapes",
        how_to_read="Time of SeparableConv2D over time of Conv2D with 95 % intervals; right of the line it "
        "is slower.",
        data=comparisons.choose_named_shapes(study.comparisons)[["name", *_COLUMNS]],
        draw=comparisons.draw_named_shapes,
    )


def _plan_promise(study: Study) -> _Plan:
    return _Plan(
        key="promise",
        title="What FLOPs promise and what arrives",
        how_to_read="Each point is a comparison. On the diagonal, time shrinks as FLOPs do; above the "
        "horizontal line, the layer with fewer FLOPs is the slower one.",
        data=study.comparisons[_COLUMNS],
        draw=comparisons.draw_promise,
    )


def _plan_arms(study: Study) -> _Plan:
    start = describe_shape(study.plane_and_arms.centre) if study.plane_and_arms.centre is not None else ""
    return _Plan(
        key="arms",
        title="One factor at a time",
        how_to_read=f"From {start} (hollow points) one setting changes, the others stay; filters follow "
        "channels. Time of SeparableConv2D over time of Conv2D with 95 % intervals; above the "
        "line it is slower.",
        data=study.plane_and_arms.arms,
        draw=comparisons.draw_arms,
    )


def _plan_roofline(study: Study) -> _Plan:
    return _Plan(
        key="roofline",
        title="How far from what the machine can do",
        how_to_read="Achieved FLOP/s over FLOP per byte of compulsory traffic. The lines are this machine's "
        "measured ceilings, with the bandwidth of the smallest and of the largest working set.",
        data=rooflines.find_layer_points(study.comparisons, study.ceilings),
        draw=rooflines.draw_layer_roofline,
        options=(study.ceilings,),
    )
