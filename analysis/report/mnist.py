"""The section MNIST: its figures, and the tables beside them."""

from __future__ import annotations

import pandas as pd

from analysis import trainings
from analysis.figures.trainings import learning_curves, model_strips
from analysis.report.drawing import Drawings
from analysis.report.pictures import Picture
from analysis.results import Results


def pictures(trained: pd.DataFrame, drawings: Drawings) -> list[Picture]:
    """What ``trained`` (see ``trainings.chosen``) may have something to show for."""
    if trained.empty:
        return []
    says, data = f"{len(trained)} trainings.", _flat_trainings(trained)
    return [
        Picture(
            "learning_curves",
            "Learning curves",
            "Thin: each repeat. Thick: the mean of a model.",
            says,
            data,
            drawings.draw(learning_curves, trained),
        ),
        Picture(
            "model_strips",
            "What each model reached",
            "A point is a repeat, the line their mean.",
            says,
            data,
            drawings.draw(model_strips, trained),
        ),
    ]


def tables(results: Results, trained: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The models, and how much of a step their isolated layers account for."""
    if trained.empty:
        return {}
    steps = trainings.layers_of_a_step(results, trained)
    return {"mnist_models": trainings.table(trained), **({"mnist_steps": steps} if len(steps) else {})}


def _flat_trainings(trained: pd.DataFrame) -> pd.DataFrame:
    """One row an epoch of every training."""
    tables = [
        pd.DataFrame(row["history"]).assign(
            **{name: row[name] for name in ("model", "repeat", "parameters", "test_loss", "test_accuracy")}
        )
        for row in trained.to_dict("records")
    ]
    return pd.concat([table.rename_axis("epoch").reset_index() for table in tables], ignore_index=True)
