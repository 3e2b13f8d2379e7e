"""Results -> a folder with ``index.html``, ``figures/`` and ``data/``; all of it, or nothing."""

from __future__ import annotations

import base64
import io
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis import answer, detectors, figures, pairs, parts, remedies, roofline, sweeps, trainings, wording
from analysis.explain import Explained, Explanation, explain
from analysis.results import Results

#: A run that begins with others using more than this is not to be trusted unwarned.
BUSY = 0.1
#: Explanations on the page; the tables in data/ hold all.
_TOLD = 40
#: Of these, unfolded from the start.
_OPEN = 4
_OF_PROMISE = [
    *("pair", "direction", "mode", "dtype", "device", "promised", "ratio", "low", "high", "verdict"),
    *("dense_seconds", "separable_seconds"),
]


@dataclass(frozen=True)
class Picture:
    """One figure of the report. ``how_to_read`` is its caption and, with ``says``, its text alternative."""

    key: str
    title: str
    how_to_read: str
    says: str
    svg: bytes
    data: pd.DataFrame

    @property
    def data_uri(self) -> str:
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode("ascii")


@dataclass(frozen=True)
class Report:
    """A report in memory: its sentences, its page, and what lies beside it."""

    sentences: list[str]
    html: str
    pictures: list[Picture]
    tables: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Told:
    """One explanation as the page shows it: its waterfall, and what its advice gained."""

    explanation: Explanation
    waterfall: Picture
    #: Sentences on what the findings advise, as far as it was measured for this case.
    measured: list[str]
    #: Layer -> its trace's folder, as a link from the page.
    links: Mapping[str, str]
    #: Whether the page shows it unfolded: the first of those with the same foremost reason.
    is_open: bool


def build(results: Results, folder: Path) -> Report:
    """The report on the runs of one environment; its links start from ``folder``."""
    table = pairs.table(results)
    ceilings = roofline.ceilings(results.ceilings)
    explained = explain(results, table)
    gains = remedies.table(results, table)
    trained = trainings.chosen(results)
    mnist = trainings.sentences(results, trained)
    sentences = [*answer.sentences(table), *answer.why(explained), *answer.what_to_do(gains), *mnist[:2]]
    curves = _mnist_pictures(trained)
    pictures = _pictures(table, ceilings)
    told = _told(explained, gains, folder)
    why = _why_pictures(explained, ceilings)
    part_sums = parts.table(results)
    tables = {
        "comparisons": table.drop(columns=["dense_case", "separable_case"], errors="ignore"),
        "cases": roofline.with_limits(results.layers, ceilings).drop(
            columns=["case", "ratios", "control_ratios"]
        ),
        "ceilings": results.ceilings,
        "parts": part_sums,
        **_why_tables(explained, gains),
        **_mnist_tables(results, trained),
        **{picture.key: picture.data for picture in pictures + why + curves},
    }
    html = _template().render(
        sentences=sentences,
        pictures=pictures,
        comparisons=sorted(table.to_dict("records"), key=lambda row: -row["ratio"]),
        parts=part_sums.to_dict("records"),
        explained=explained,
        told=told,
        why=why,
        not_told=len(explained.pairs) - len(told),
        gains=gains.to_dict("records"),
        untraced=_untraced(explained),
        together=detectors.TOGETHER,
        mnist=mnist,
        curves=curves,
        models=trainings.table(trained).to_dict("records"),
        published=trainings.published(),
        recomputed=trainings.recomputed(),
        noise=_noise(table),
        controls=int(results.layers["control_ratio"].notna().sum()),
        replicates=len(results.runs),
        runs=results.runs.to_dict("records"),
        environment=_flat(results.environment),
        headline=results.environment,
        cautions=_cautions(results),
        ceilings=ceilings,
        not_measured=results.not_measured.drop_duplicates("id").to_dict("records"),
    )
    return Report(sentences, html, [*pictures, *why, *curves, *(one.waterfall for one in told)], tables)


def write(report: Report, folder: Path) -> None:
    """Put ``report`` into ``folder``: everything is made elsewhere first, and the page comes last.

    Other files in ``folder`` stay, but for figures and data of an earlier report. Raises ``OSError``
    where it cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".report-") as made:
        files = []
        for picture in report.pictures:
            files.append(_write(Path(made, "figures", f"{picture.key}.svg"), picture.svg))
        for name, table in report.tables.items():
            files.append(_write(Path(made, "data", f"{name}.csv"), table.to_csv(index=False).encode()))
        files.append(_write(Path(made, "index.html"), report.html.encode()))
        for file in files:
            target = folder / file.relative_to(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
    written = {file.relative_to(made) for file in files}
    for old in (*folder.glob("figures/*.svg"), *folder.glob("data/*.csv")):
        if old.relative_to(folder) not in written:
            old.unlink()


def point_latest(folder: Path) -> None:
    """Let ``latest`` beside ``folder`` point to it, at no moment to nothing."""
    link = folder.parent / "latest"
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} is no link, so it cannot point to {folder}: move it away")
    made = folder.parent / f".latest-{os.getpid()}"
    made.symlink_to(folder.name, target_is_directory=True)
    os.replace(made, link)


def _pictures(table: pd.DataFrame, ceilings: Mapping[str, roofline.Ceilings]) -> list[Picture]:
    if table.empty:
        return []
    plane = sweeps.plane(table)
    centre, arms = sweeps.arms(table)
    start = answer.in_words(centre) if centre is not None else ""
    with figures.style():
        candidates = [
            _picture(
                "plane",
                "Where it wins and where it loses",
                "Time of SeparableConv2D over time of Conv2D, below each its 95 % interval. Blue: separable "
                "is faster; orange: slower; white: no difference.",
                plane,
                figures.heatmaps,
            ),
            _picture(
                "named_shapes",
                "Named shapes",
                "Time of SeparableConv2D over time of Conv2D with 95 % intervals; right of the line it is "
                "slower.",
                table.loc[table["name"] != "", ["name", *_OF_PROMISE]],
                figures.named_shapes,
            ),
            _picture(
                "promise",
                "What FLOPs promise and what arrives",
                "Each point is a comparison. On the diagonal, time shrinks as FLOPs do; above the horizontal "
                "line, the layer with fewer FLOPs is the slower one.",
                table[_OF_PROMISE],
                figures.promise,
            ),
            _picture(
                "arms",
                "One factor at a time",
                f"From {start} (hollow points) one setting changes, the others stay; filters follow "
                "channels. Time of SeparableConv2D over time of Conv2D with 95 % intervals; above the "
                "line it is slower.",
                arms,
                figures.arms,
            ),
            _picture(
                "roofline",
                "How far from what the machine can do",
                "Achieved FLOP/s over FLOP per byte of compulsory traffic. The lines are this machine's "
                "measured ceilings, with the bandwidth of the smallest and of the largest working set.",
                figures.roofline_points(table, ceilings),
                lambda points: figures.rooflines(points, ceilings),
            ),
        ]
    return [picture for picture in candidates if picture]


def _told(explained: Explained, gains: pd.DataFrame, folder: Path) -> list[Told]:
    """The explanations to show: as many as a reader will look at, the slowest first."""
    told = []
    foremost: set[str] = set()
    with figures.style():
        for place, explanation in enumerate(explained.pairs[:_TOLD]):
            waterfall = _drawn(
                f"why_{place + 1:02}",
                explanation.pair,
                "",
                explanation.sentence,
                pd.DataFrame([explanation.as_dict()["factors"]]),
                figures.waterfall(explanation),
            )
            reason = next((found.code for found in explanation.findings), "")
            told.append(
                Told(
                    explanation,
                    waterfall,
                    remedies.measured(explanation.remedies, explanation.separable, gains),
                    {
                        layer: Path(os.path.relpath(trace, folder)).as_posix()
                        for layer, trace in explanation.traces.items()
                    },
                    is_open=reason not in foremost and len(foremost) < _OPEN,
                )
            )
            foremost.add(reason)
    return told


def _why_pictures(explained: Explained, ceilings: Mapping[str, roofline.Ceilings]) -> list[Picture]:
    points = figures.operation_points(explained.pairs, ceilings)
    with figures.style():
        figure = figures.operation_roofline(points, ceilings)
        if figure is None:
            return []
        return [
            _drawn(
                "operations_roofline",
                "Every operation under the roofs",
                "Achieved FLOP/s over FLOP per byte of compulsory traffic, for each traced convolution.",
                f"{len(points)} operations.",
                points,
                figure,
            )
        ]


def _why_tables(explained: Explained, gains: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Factors, operations, findings and remedies, each as a table of its own."""
    factors = [
        {
            "pair": one.pair,
            "direction": one.direction,
            "ratio": one.ratio,
            **one.as_dict()["factors"],
            **{f"accounted_{layer}": share for layer, share in one.accounted.items()},
        }
        for one in explained.pairs
    ]
    found = [
        {"pair": one.pair, **finding} for one in explained.pairs for finding in one.as_dict()["findings"]
    ]
    tables = {
        "factors": pd.DataFrame(factors),
        "findings": pd.DataFrame(found),
        "operations": pd.concat([one.operations.assign(pair=one.pair) for one in explained.pairs])
        if explained.pairs
        else pd.DataFrame(),
        "remedies": gains.assign(remedied_id=gains["remedied"].map(lambda case: case.id)).drop(
            columns=["case", "remedied"]
        ),
    }
    return {name: table for name, table in tables.items() if len(table)}


def _mnist_pictures(trained: pd.DataFrame) -> list[Picture]:
    with figures.style():
        drawn = (
            (
                "learning_curves",
                "Learning curves",
                "Thin: each repeat. Thick: the mean of a model.",
                figures.learning_curves,
            ),
            (
                "model_strips",
                "What each model reached",
                "A point is a repeat, the line their mean.",
                figures.model_strips,
            ),
        )
        made = [(key, title, how, draw(trained)) for key, title, how, draw in drawn]
        return [
            _drawn(key, title, how, f"{len(trained)} trainings.", _flat_trainings(trained), figure)
            for key, title, how, figure in made
            if figure is not None
        ]


def _flat_trainings(trained: pd.DataFrame) -> pd.DataFrame:
    """One row an epoch of every training."""
    tables = [
        pd.DataFrame(row["history"]).assign(
            **{name: row[name] for name in ("model", "repeat", "parameters", "test_loss", "test_accuracy")}
        )
        for row in trained.to_dict("records")
    ]
    return pd.concat([table.rename_axis("epoch").reset_index() for table in tables], ignore_index=True)


def _mnist_tables(results: Results, trained: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if trained.empty:
        return {}
    steps = trainings.layers_of_a_step(results, trained)
    return {"mnist_models": trainings.table(trained), **({"mnist_steps": steps} if len(steps) else {})}


def _untraced(explained: Explained) -> dict[str, int]:
    """Why comparisons have no explanation, and how many for each reason."""
    return explained.missing["reason"].value_counts().to_dict()


def _picture(
    key: str, title: str, how_to_read: str, data: pd.DataFrame, draw: Callable[[pd.DataFrame], Any]
) -> Picture | None:
    figure = draw(data)
    if figure is None:
        return None
    counts = data["verdict"].value_counts()
    says = ", ".join(f"{word} {count}" for word, count in counts.items())
    return _drawn(key, title, how_to_read, f"{len(data)} comparisons: {says}.", data, figure)


def _drawn(key: str, title: str, how_to_read: str, says: str, data: pd.DataFrame, figure: Any) -> Picture:
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None}, bbox_inches="tight")
    figures.close(figure)
    return Picture(key, title, how_to_read, says, svg.getvalue(), data)


def _cautions(results: Results) -> list[str]:
    """What a reader must know before believing any number."""
    busy = [environment.get("busy_at_start") or 0.0 for environment in results.runs["environment"]]
    disturbed = [share for share in busy if share > BUSY]
    found = []
    if disturbed:
        found.append(
            f"{len(disturbed)} of {len(busy)} runs began while others used up to {max(disturbed):.0%} of the "
            "processor: repeat them on an idle machine."
        )
    for column, words in (
        (~results.layers["settled"].astype(bool), "had not settled when timing began"),
        (results.layers["contaminated"].astype(bool), "lost processor time to other guests of the host"),
    ):
        if column.any():
            found.append(f"{int(column.sum())} of {len(results.layers)} measurements {words}.")
    return found


def _noise(table: pd.DataFrame) -> dict[int, tuple[float, float]]:
    """The least and the greatest noise that comparisons were judged by, by their number of runs."""
    if table.empty:
        return {}
    return {
        int(runs): (rows["noise"].min(), rows["noise"].max()) for runs, rows in table.groupby("replicates")
    }


def _template():
    environment = Environment(
        loader=PackageLoader("analysis.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "milliseconds": wording.milliseconds,
        "ratio": wording.number,
        "percent": wording.percent,
        "gain": remedies.in_words,
        "giga": lambda rate: f"{rate / 1e9:.3g}",
        "size": figures.size_in_words,
    }
    return environment.get_template("report.html.j2")


def _flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as (dotted name, value) lines."""
    lines = []
    for key, value in facts.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            lines += _flat(value, f"{name}.")
        else:
            lines.append((name, "not readable here" if value is None else str(value)))
    return lines


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
