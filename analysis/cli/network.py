"""The command ``network``, and a measured network as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from analysis.cli.options import environment_option, exit_with_one_sentence, files_argument, json_option
from analysis.cli.printing import print_lines
from analysis.writing import write_json

if TYPE_CHECKING:
    from analysis.networks.network import MeasuredLayer, MeasuredNetwork, MeasuredVariant


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
    from analysis.cli.selecting import choose_newest, load_runs
    from analysis.networks.building import build_networks
    from analysis.networks.code import write_code
    from analysis.networks.sentences import write_differences, write_sentences
    from analysis.results.files import ResultsError

    with exit_with_one_sentence():
        chosen = choose_newest(load_runs(files), environment)
        if chosen.networks.empty:
            raise ResultsError(f"no network was measured here: measure one first, with {commands.NETWORK}")
        found = build_networks(chosen)
        if not found:
            raise ResultsError("no network here was measured as it is: measure all its variants together")
        if json_file:
            told = [
                {**one.as_dict(), "sentences": write_sentences(one), "code": write_code(one)} for one in found
            ]
            write_json(json_file, {"networks": told, "sentences": write_differences(found)})
    print_lines(_format_networks(found))


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
    from analysis.networks.words import format_change, format_step, format_times

    rows = [("variant", "changed", "ms a step", "against it as it is", "predicted", "parameters", "products")]
    for one in variants:
        verdict = f" {one.verdict.word}" if one.verdict else ""
        predicted = one.predicted_ratio
        rows.append(
            (
                one.variant,
                str(len(one.converted)),
                format_step(one.seconds),
                f"{format_change(one.ratio)}{verdict}" if one.converted else "",
                format_times(predicted) if one.converted and predicted and predicted > 0 else "",
                f"{one.parameters:,}",
                f"{one.multiplications:,}",
            )
        )
    yield from _align(rows)


def _format_layers(measured: MeasuredNetwork) -> Iterator[str]:
    """Every convolution over 1x1, those that are changed first; the rest of the layers in one line.

    A depthwise layer comes with what its change would take out.
    """
    told = [layer for layer in measured.layers if layer.found.becomes or layer.found.reason]
    told.sort(key=lambda layer: (not layer.convert, not layer.found.becomes))
    seconds = {layer.found.name: layer.in_network_seconds for layer in measured.layers}
    titles = ("layer", "now", "becomes", "ms in it", "ms alone", "ms other", "why")
    yield from _align([titles, *(_format_layer(layer, seconds) for layer in told)])
    shown = {name for layer in told for name in (layer.found.name, *layer.found.absorbs)}
    rest = [name for name in seconds if name not in shown]
    if rest:
        taken = _write_sum([seconds[name] for name in rest])
        yield f"  {len(rest)} other layers{f': {taken} ms in it' if taken else ''}"


def _format_layer(layer: MeasuredLayer, seconds: Mapping[str, float | None]) -> tuple[str, ...]:
    found = layer.found
    calls = f" ({found.calls} calls)" if found.calls > 1 else ""
    return (
        found.name + calls,
        f"{found.kind} {found.input_shape}".strip(),
        f"{'' if layer.convert else 'stays, not '}{found.becomes}" if found.becomes else "stays",
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
