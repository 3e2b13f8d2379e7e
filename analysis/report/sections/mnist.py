"""The section MNIST: its figures, and the tables beside them."""

from __future__ import annotations

import pandas as pd

from analysis.figures.rendering import Renderer
from analysis.figures.trainings import draw_learning_curves, draw_model_strips
from analysis.mnist.trainings import tabulate_layers_of_a_step, tabulate_models
from analysis.report.figure import ReportFigure
from analysis.results.tables import Results


def list_figures(trained: pd.DataFrame, drawings: Renderer) -> list[ReportFigure]:
    """What ``trained`` (see ``choose_trainings``) may have something to show for."""
    if trained.empty:
        return []
    says, data = f"{len(trained)} trainings.", _flat_trainings(trained)
    return [
        ReportFigure(
            "learning_curves",
            "Learning curves",
            "Thin: each repeat. Thick: the mean of a model.",
            says,
            data,
            drawings.draw(draw_learning_curves, trained),
        ),
        ReportFigure(
            "model_strips",
            "What each model reached",
            "A point is a repeat, the line their mean.",
            says,
            data,
            drawings.draw(draw_model_strips, trained),
        ),
    ]


def list_tables(results: Results, trained: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The models, and how much of a step their isolated layers account for."""
    if trained.empty:
        return {}
    steps = tabulate_layers_of_a_step(results, trained)
    return {"mnist_models": tabulate_models(trained), **({"mnist_steps": steps} if len(steps) else {})}


def _flat_trainings(trained: pd.DataFrame) -> pd.DataFrame:
    """One row an epoch of every training."""
    tables = [
        pd.DataFrame(row["history"]).assign(
            **{name: row[name] for name in ("model", "repeat", "parameters", "test_loss", "test_accuracy")}
        )
        for row in trained.to_dict("records")
    ]
    return pd.concat([table.rename_axis("epoch").reset_index() for table in tables], ignore_index=True)
