"""MNIST trainings: how they went, and what they reached."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.figures.style import DENSE_COLOUR, FAINT, INK, SEPARABLE_COLOUR
from bench.contract.mnist import (
    CONV,
    CONV_DEEPER,
    CONV_SHALLOWER,
    HYBRID,
    MATCHED,
    SEPARABLE,
    SEPARABLE_DEEPER,
    SEPARABLE_SHALLOWER,
)

#: The layer's kind by colour, the variant by line.
_MODEL_STYLES: dict[str, tuple[str, str]] = {
    CONV: (DENSE_COLOUR, "-"),
    SEPARABLE: (SEPARABLE_COLOUR, "-"),
    HYBRID: ("#009E73", "-"),
    MATCHED: ("#CC79A7", "-"),
    CONV_DEEPER: (DENSE_COLOUR, "--"),
    SEPARABLE_DEEPER: (SEPARABLE_COLOUR, "--"),
    CONV_SHALLOWER: (DENSE_COLOUR, ":"),
    SEPARABLE_SHALLOWER: (SEPARABLE_COLOUR, ":"),
}


def choose_shown_trainings(trainings: pd.DataFrame) -> pd.DataFrame:
    """The trainings that the figures show: all, or none where all had a single epoch."""
    return trainings if len(trainings) and trainings["epochs"].max() >= 2 else trainings.iloc[:0]


def draw_learning_curves(trainings: pd.DataFrame) -> Figure:
    """Validation accuracy and loss over epochs: every repeat thin, the mean of each model thick."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2))
    for axis, name in zip(axes, ("validation_accuracy", "validation_loss"), strict=True):
        for model, rows in trainings.groupby("model", sort=False):
            colour, line = _MODEL_STYLES.get(model, (FAINT, "-"))
            curves = np.array([history[name] for history in rows["history"]])
            epochs = np.arange(1, curves.shape[1] + 1)
            axis.plot(epochs, curves.T, color=colour, linestyle=line, linewidth=0.5, alpha=0.35)
            axis.plot(epochs, curves.mean(axis=0), color=colour, linestyle=line, linewidth=1.8, label=model)
        axis.set_xlabel("epoch")
        axis.set_ylabel(name.replace("_", " "))
    # The first epochs would squeeze what comes after them.
    first = min(2, trainings["epochs"].min() - 1)
    last = np.concatenate([np.array(h["validation_accuracy"])[first:] for h in trainings["history"]])
    axes[0].set_ylim(np.percentile(last, 1) - 0.003, last.max() + 0.001)
    axes[1].set_yscale("log")
    axes[1].yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5), numticks=12))
    axes[1].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes[1].yaxis.set_minor_formatter(NullFormatter())
    axes[1].legend(frameon=False, fontsize=8)
    return figure


def draw_model_strips(trainings: pd.DataFrame) -> Figure:
    """Test accuracy, test loss and time per sample: every repeat a point, the mean a line."""
    panels = {
        "test_accuracy": "test accuracy",
        "test_loss": "test loss",
        "microseconds_a_sample": "training, µs a sample",
    }
    models = list(dict.fromkeys(trainings["model"]))
    colours = {model: _MODEL_STYLES.get(model, (FAINT, "-"))[0] for model in models}
    figure, axes = plt.subplots(1, 3, figsize=(10, 0.9 + 0.34 * len(models)), sharey=True)
    for axis, (name, title) in zip(axes, panels.items(), strict=True):
        sns.stripplot(
            data=trainings,
            x=name,
            y="model",
            hue="model",
            palette=colours,
            order=models,
            hue_order=models,
            ax=axis,
            jitter=False,
            size=5,
            alpha=0.8,
            legend=False,
        )
        for place, model in enumerate(models):
            middle = trainings.loc[trainings["model"] == model, name].mean()
            axis.plot([middle, middle], [place - 0.32, place + 0.32], color=INK, linewidth=1.5)
        axis.set_xlabel(title)
        axis.set_ylabel("")
    return figure
