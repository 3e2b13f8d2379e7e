"""MNIST: what the trained models reached, and what became of the article's claims."""

from __future__ import annotations

import pandas as pd

from analysis import commands
from analysis.figures.rendering import Renderer
from analysis.figures.trainings import choose_shown_trainings, draw_learning_curves, draw_model_strips
from analysis.mnist.article import load_published, recompute
from analysis.mnist.sentences import describe_trainings
from analysis.mnist.trainings import tabulate_layers_of_a_step, tabulate_models
from analysis.report.figure import ReportFigure
from analysis.report.section import Section
from analysis.report.study import Study

#: Of the section's sentences, those that the answer has too.
_IN_ANSWER = 2
#: What lies in ``data/`` for the strips: which training, and what the three panels show of it.
_STRIP_COLUMNS = [
    "model",
    "repeat",
    "parameters",
    "epochs",
    "test_accuracy",
    "test_loss",
    "microseconds_a_sample",
]


def build_section(study: Study, renderer: Renderer) -> Section:
    trainings = study.trainings
    sentences = describe_trainings(study.results, trainings)
    models = tabulate_models(trainings) if len(trainings) else pd.DataFrame()
    return Section(
        key="mnist",
        title="MNIST",
        template="mnist.html.j2",
        content={
            "sentences": sentences,
            "models": models.to_dict("records"),
            "published": load_published(),
            "recomputed": recompute(),
        },
        sentences=tuple(sentences[:_IN_ANSWER]),
        figures=_render_figures(trainings, renderer),
        tables=_list_tables(study, models),
        added_by=commands.TRAIN,
        is_there=bool(sentences),
    )


def _render_figures(trainings: pd.DataFrame, renderer: Renderer) -> tuple[ReportFigure, ...]:
    shown = choose_shown_trainings(trainings)
    if shown.empty:
        return ()
    says = f"{len(shown)} trainings."
    curves = ReportFigure(
        key="learning_curves",
        title="Learning curves",
        how_to_read="Thin: each repeat. Thick: the mean of a model.",
        says=says,
        rendered=renderer.render(draw_learning_curves, shown),
        data=_tabulate_epochs(shown),
    )
    strips = ReportFigure(
        key="model_strips",
        title="What each model reached",
        how_to_read="A point is a repeat, the line their mean.",
        says=says,
        rendered=renderer.render(draw_model_strips, shown),
        data=shown[_STRIP_COLUMNS],
    )
    return curves, strips


def _list_tables(study: Study, models: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The models, and how much of a step their layers alone account for."""
    if models.empty:
        return {}
    steps = tabulate_layers_of_a_step(study.results, study.trainings)
    tables = {"mnist_models": models}
    if len(steps):
        tables["mnist_steps"] = steps
    return tables


def _tabulate_epochs(trainings: pd.DataFrame) -> pd.DataFrame:
    """One row an epoch of every training."""
    tables = []
    for row in trainings.to_dict("records"):
        facts = {name: row[name] for name in ("model", "repeat", "parameters", "test_loss", "test_accuracy")}
        tables.append(pd.DataFrame(row["history"]).assign(**facts).rename_axis("epoch").reset_index())
    return pd.concat(tables, ignore_index=True)
