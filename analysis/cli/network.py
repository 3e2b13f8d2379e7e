"""The command ``network``, and a measured network as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from analysis.cli.options import environment_option, exit_with_one_sentence, files_argument, json_option
from analysis.cli.printing import print_lines
from analysis.writing import write_json
from bench.contract.networks import AS_IT_IS

if TYPE_CHECKING:
    from analysis.networks.network import MeasuredLayer, MeasuredNetwork, MeasuredVariant
    from analysis.results.tables import Results


@click.command()
@files_argument
@environment_option
@json_option
def network(files: tuple[Path, ...], environment: str | None, json_file: Path | None) -> None:
    """Say which layers of the networks in FILES (by default .benchmarks) to change, and what that gained.

    \b
    Examples:
      pytest bench/ --model keras.applications:MobileNet --benchmark-autosave && python -m analysis network
      python -m analysis network results/0001_*.json --json network.json
    """
    from analysis import commands
    from analysis.cli.selecting import choose_networks, load_runs
    from analysis.networks.building import build_networks
    from analysis.networks.sentences import summarize_network, write_differences
    from analysis.results.files import ResultsError

    with exit_with_one_sentence():
        chosen = choose_networks(load_runs(files), environment)
        if chosen is None:
            raise ResultsError(f"no network was measured here: measure one first, with {commands.NETWORK}")
        found = build_networks(chosen)
        if not found:
            raise ResultsError(f"no network here was measured as it is: {_explain_absence(chosen)}")
        if json_file:
            told = [summarize_network(one) for one in found]
            write_json(json_file, {"networks": told, "sentences": write_differences(found)})
    print_lines(_format_networks(found))


def _explain_absence(chosen: Results) -> str:
    """Why no network was measured as it is, as far as its runs say so."""
    refused = chosen.refused_networks
    reasons = refused[refused["layer"].isna() & refused["variant"].eq(AS_IT_IS)]["reason"]
    return str(reasons.iloc[-1]).rstrip(".") if len(reasons) else "measure all its variants together"


def _format_networks(found: Sequence[MeasuredNetwork]) -> Iterator[str]:
    """Every network, what its directions do not agree about, and the code that makes the changes."""
    from analysis.networks.code import write_code
    from analysis.networks.sentences import write_differences, write_sentences, write_title

    codes: dict[str, list[str]] = {}
    for one in found:
        yield write_title(one)
        yield from (f"  {sentence}" for sentence in write_sentences(one))
        yield from (f"  caution: {problem}" for problem in one.problems)
        yield ""
        yield from _format_variants(one.variants)
        yield ""
        yield from _format_layers(one)
        yield ""
        codes.setdefault(write_code(one), []).append(f"{one.name}, {one.direction}")
    yield from write_differences(found)
    for code, names in codes.items():
        if code:
            yield f"# What is recommended for {'; '.join(dict.fromkeys(names))}:"
            yield from code.splitlines()
            yield ""


def _format_variants(variants: Sequence[MeasuredVariant]) -> Iterator[str]:
    from analysis.networks.words import write_cells

    titles = {
        "variant": "variant",
        "layers": "changed",
        "step": "ms a step",
        "change": "against it as it is",
        "verdict": "verdict",
        "predicted": "predicted",
        "parameters": "parameters",
        "multiplications": "products, M",
    }
    rows = [titles, *map(write_cells, variants)]
    yield from _align([tuple(row[name] for name in titles) for row in rows])


def _format_layers(measured: MeasuredNetwork) -> Iterator[str]:
    """Every convolution over 1x1, those that are changed first; the rest of the layers in one line.

    A depthwise layer comes with what its change would take out.
    """
    told = [layer for layer in measured.layers if layer.found.becomes or layer.found.reason]
    told.sort(key=lambda layer: (not layer.convert, not layer.found.becomes))
    seconds = {layer.found.name: layer.in_network_seconds for layer in measured.layers}
    titles = ("layer", "now", "becomes", "ms in it", "ms alone", "ms other", "why")
    becomes = "{}" if measured.is_proven else "stays, tried {}"
    yield from _align([titles, *(_format_layer(layer, seconds, becomes) for layer in told)])
    shown = {name for layer in told for name in (layer.found.name, *layer.found.absorbs)}
    rest = [name for name in seconds if name not in shown]
    if rest:
        taken = _write_sum([seconds[name] for name in rest])
        yield f"  {len(rest)} other layers{f': {taken} ms in it' if taken else ''}"


def _format_layer(layer: MeasuredLayer, seconds: Mapping[str, float | None], becomes: str) -> tuple[str, ...]:
    """``becomes`` says what a layer does that is changed where changes are recommended."""
    found = layer.found
    says = becomes if layer.convert else "stays, not {}"
    calls = f" ({found.calls} calls)" if found.calls > 1 else ""
    return (
        found.name + calls,
        f"{found.kind} {found.input_shape}".strip(),
        says.format(found.becomes) if found.becomes else "stays",
        _write_sum([seconds.get(name) for name in (found.name, *found.absorbs)]),
        _write_sum([layer.alone_seconds]),
        _write_sum([layer.other_seconds]),
        layer.reason,
    )


def _write_sum(seconds: Sequence[float | None]) -> str:
    """Milliseconds of all together; empty where none is known."""
    from analysis.wording import format_milliseconds

    known = [one for one in seconds if one is not None]
    return format_milliseconds(sum(known)) if known else ""


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """``rows`` as lines, their columns below each other."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield f"  {'  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))}".rstrip()
