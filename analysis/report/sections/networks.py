"""Whole networks: what their changes gain, which layers they are, and the lines of Python that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import commands
from analysis.answers.networks import write_headline
from analysis.figures.networks import draw_network
from analysis.figures.rendering import Renderer
from analysis.networks.code import write_code
from analysis.networks.network import MeasuredLayer, MeasuredNetwork
from analysis.networks.picture import choose_rows, has_network_times, sum_network_seconds
from analysis.networks.sentences import (
    NEW_WEIGHTS,
    summarize_network,
    write_differences,
    write_sentences,
)
from analysis.networks.words import count, format_change, format_millions, write_cells
from analysis.report.figure import ReportFigure
from analysis.report.section import Section
from analysis.report.study import Study
from analysis.report.tables import NUMBER, VERDICT, Column, Detail, Table
from analysis.wording import format_milliseconds
from bench.contract.networks import INFERENCE, TRAINING, TRAINING_WITH_ADAM, FoundLayer

_KEY = "networks"
#: In the order of the page, with the letters that files and anchors are named by: nothing there is foreign.
_DIRECTIONS = {INFERENCE: "inference", TRAINING: "training", TRAINING_WITH_ADAM: "adam"}
#: What makes networks one: they differ in their direction alone.
_IDENTITY = ("name", "model", "mode", "device", "batch", "inputs")


@dataclass(frozen=True)
class _ShownDirection:
    """A network in one direction, as the template shows it. Of *training with Adam* only its variants."""

    key: str
    #: Of figures and tables, for those who do not see where they stand.
    title: str
    network: MeasuredNetwork
    headline: str
    sentences: list[str]
    variants: list[dict[str, str]]
    figure: ReportFigure | None = None
    #: The convolutions over 1x1 that can become the other.
    layers: Table | None = None
    #: Those that cannot, with their reasons; all other layers; and seconds in the network of each.
    kept: tuple[FoundLayer, ...] = ()
    others: tuple[FoundLayer, ...] = ()
    seconds: Mapping[str, float] | None = None
    code: str = ""


def build_section(study: Study, renderer: Renderer) -> Section:
    networks = _group_directions(study.networks)
    names = _name_networks(networks)
    shown = [
        [_show_direction(number, name, network, renderer) for network in directions]
        for number, (name, directions) in enumerate(zip(names, networks, strict=True), start=1)
    ]
    in_order = [network for directions in networks for network in directions]
    told = [one for one in in_order if one.direction != TRAINING_WITH_ADAM] or in_order
    differences = write_differences(in_order)
    return Section(
        key=_KEY,
        title="Your network" if len(networks) < 2 else "Your networks",
        template="networks.html.j2",
        content={
            "networks": list(zip(names, shown, strict=True)),
            "differences": differences,
            "warning": NEW_WEIGHTS,
            "elsewhere": study.networks_elsewhere,
        },
        # What holds elsewhere is no part of the answer for this environment.
        sentences=() if study.networks_elsewhere else (*map(write_headline, told), *differences),
        figures=tuple(one.figure for directions in shown for one in directions if one.figure),
        tables=_list_tables(in_order),
        summary={"networks": [summarize_network(network) for network in in_order]} if in_order else {},
        added_by=commands.NETWORK,
        is_there=bool(in_order),
    )


def _group_directions(networks: Sequence[MeasuredNetwork]) -> list[list[MeasuredNetwork]]:
    """Each network, with its directions in the order of the page."""
    found: dict[tuple, list[MeasuredNetwork]] = {}
    for network in networks:
        found.setdefault(tuple(getattr(network, name) for name in _IDENTITY), []).append(network)
    order = list(_DIRECTIONS)
    return [sorted(alike, key=lambda network: order.index(network.direction)) for alike in found.values()]


def _name_networks(networks: Sequence[Sequence[MeasuredNetwork]]) -> list[str]:
    """What each is called, in the given order: one name may be that of several."""
    names = [directions[0].name for directions in networks]
    if len(names) == len(set(names)):
        return names
    return [f"{name} ({number} of {len(names)})" for number, name in enumerate(names, start=1)]


def _show_direction(number: int, name: str, network: MeasuredNetwork, renderer: Renderer) -> _ShownDirection:
    key, title = f"network_{number}_{_DIRECTIONS[network.direction]}", f"{name}, {network.direction}"
    headline, variants = write_headline(network), [write_cells(one) for one in network.variants]
    if network.direction == TRAINING_WITH_ADAM:
        return _ShownDirection(key, title, network, headline, [], variants)
    return _ShownDirection(
        key=key,
        title=title,
        network=network,
        headline=headline,
        # That one has a place of its own.
        sentences=[one for one in write_sentences(network) if one != NEW_WEIGHTS],
        variants=variants,
        figure=_render_figure(key, title, network, renderer),
        layers=_list_layers(key, title, network),
        kept=tuple(layer.found for layer in network.layers if layer.found.reason),
        others=tuple(
            layer.found for layer in network.layers if not (layer.found.becomes or layer.found.reason)
        ),
        seconds={
            layer.found.name: layer.in_network_seconds
            for layer in network.layers
            if layer.in_network_seconds is not None
        },
        code=write_code(network),
    )


def _render_figure(key: str, title: str, network: MeasuredNetwork, renderer: Renderer) -> ReportFigure | None:
    rows = choose_rows(network)
    if rows.empty:
        return None
    are_network_times = has_network_times(network)
    return ReportFigure(
        key=key,
        title=title,
        how_to_read=_write_caption(rows, are_network_times),
        says=write_headline(network),
        rendered=renderer.render(draw_network, rows, are_network_times),
        data=rows,
    )


def _write_caption(rows: pd.DataFrame, are_network_times: bool) -> str:
    sentences = ["From input (above) to output, each convolution over 1x1 has a bar:"]
    if are_network_times:
        sentences.append(
            "its time in a traced step, which the profiler lengthens a little; that of a depthwise layer is "
            "with its pointwise layer. Grey are the layers between."
        )
    else:
        sentences.append("its time alone, since no trace says what it takes in the network.")
    if (rows["is_run"] & rows["convolutions"].gt(0)).any():
        sentences.append("The network is large, so that short convolutions share a grey bar with them.")
    if rows["changed"].any():
        sentences.append("Of a changed layer the pale bar is as it is, the full one what took its place.")
    return " ".join(sentences)


def _list_layers(key: str, title: str, network: MeasuredNetwork) -> Table | None:
    """The layers that can become the other, changed ones first; below each, why it is changed or not."""
    layers = sorted((one for one in network.layers if one.found.becomes), key=lambda one: not one.convert)
    if not layers:
        return None
    by_name = {layer.found.name: layer for layer in network.layers}
    columns = (
        Column("layer"),
        Column("kind"),
        Column("can become"),
        Column("changed"),
        Column("the change alone", VERDICT),
        Column("makes it"),
        Column("in the network, ms", NUMBER),
        Column("changed there, ms", NUMBER),
        Column("alone, ms", NUMBER),
        Column("the other alone, ms", NUMBER),
        Column("parameters", NUMBER),
        Column("then", NUMBER),
        Column("multiplications, M", NUMBER),
        Column("then, M", NUMBER),
        Column("input"),
        Column("calls", NUMBER, shown=False),
    )
    return Table(
        key=key,
        title=f"{title}: layers",
        columns=columns,
        rows=[
            _write_layer(layer, sum_network_seconds(layer, by_name), "yes" if network.is_proven else "tried")
            for layer in layers
        ],
        details=[_list_details(layer) for layer in layers],
    )


def _write_layer(layer: MeasuredLayer, in_network: float | None, changed: str) -> list[str]:
    """``changed`` is the word for a layer that was changed in the network with all of these changes."""
    found = layer.found
    times = (in_network, layer.recommended_seconds, layer.alone_seconds, layer.other_seconds)
    return [
        found.name,
        found.kind,
        found.becomes or "",
        changed if layer.convert else "no",
        layer.verdict,
        format_change(layer.ratio) if layer.ratio else "",
        *("" if seconds is None else format_milliseconds(seconds) for seconds in times),
        f"{found.parameters:,}",
        "" if found.parameters_after is None else f"{found.parameters_after:,}",
        format_millions(found.multiplications),
        "" if found.multiplications_after is None else format_millions(found.multiplications_after),
        found.input_shape,
        str(found.calls),
    ]


def _list_details(layer: MeasuredLayer) -> list[Detail]:
    absorbs = layer.found.absorbs
    details = [Detail(layer.reason)] if layer.reason else []
    if absorbs:
        details.append(
            Detail(f"its change takes out {count(len(absorbs), 'layer')} more: {', '.join(absorbs)}")
        )
    elif layer.comparison:
        details.append(Detail(f"measured alone as {layer.comparison}", link="#comparisons"))
    return details


def _list_tables(networks: Sequence[MeasuredNetwork]) -> dict[str, pd.DataFrame]:
    """What lies in ``data/``: a row a variant, and a row a layer."""
    variants, layers = [], []
    for network in networks:
        facts = {name: getattr(network, name) for name in (*_IDENTITY, "direction", "replicates")}
        facts["inputs"] = ", ".join(network.inputs)
        variants += [facts | _flatten(variant.as_dict()) for variant in network.variants]
        layers += [facts | _flatten(_describe_layer(layer)) for layer in network.layers]
    return {"networks": pd.DataFrame(variants), "network_layers": pd.DataFrame(layers)} if networks else {}


def _describe_layer(layer: MeasuredLayer) -> dict[str, Any]:
    found = layer.found
    sizes = ("input_shape", "parameters", "parameters_after", "multiplications", "multiplications_after")
    described = layer.as_dict()
    return {"layer": described.pop("name"), **described, **{name: getattr(found, name) for name in sizes}}


def _flatten(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals in two columns, and names in one."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if name.endswith("interval"):
            low, high = value or (None, None)
            flat |= {f"{name}_low": low, f"{name}_high": high}
        else:
            flat[name] = ", ".join(value) if isinstance(value, list) else value
    return flat
