"""``--shapes FILE``: the user's own layers, from CSV or JSON."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.contract.cases import FIELDS, LAYERS_1D, ConvCase
from bench.contract.printable import quote
from bench.plan.comparisons import Shape

#: A device is chosen on the command line, where it can be checked.
COLUMNS = ("name", *(name for name in FIELDS if name != "device"))
_PAIRS = ("kernel_size", "strides", "dilation_rate")
_NUMBERS = ("batch", "height", "width", "in_channels", "filters", "depth_multiplier")
_FLAGS = ("input_gradient", "use_bias")
#: Python reads no number of more digits than a few thousand.
_DIGITS = re.compile(r"[+-]?[0-9]{1,1000}", re.ASCII)
_LONGEST_TITLE = 200
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class ShapeFileError(ValueError):
    """One sentence that names the file and, where there is one, the line and the column."""


def read_shapes(path: Path) -> tuple[Shape, ...]:
    """The shapes in ``path``, in its order.

    CSV has a header; JSON is a list of objects. Missing columns take ConvCase's defaults; a
    pair of numbers is written ``3`` or ``3x5`` (JSON also ``[3, 5]``). ``layer`` chooses the pair: with
    ``conv1d``, Conv1D is compared with SeparableConv1D. A direction, mode or dtype is pinned.

    Raises :class:`ShapeFileError`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ShapeFileError(f"cannot read the shapes file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ShapeFileError(f"{path} is not text in UTF-8 (byte {error.start})") from error
    except ValueError as error:  # a name that no file can have
        raise ShapeFileError(f"cannot read the shapes file {quote(str(path))}: {error}") from error
    read_rows = _read_json_rows if path.suffix.lower() == ".json" else _read_csv_rows
    rows = read_rows(path, text)
    shapes = tuple(_make_shape(where, row) for where, row in rows)
    if not shapes:
        raise ShapeFileError(f"{path} holds no shapes")
    return shapes


def _read_csv_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each row stands, and its values by column; empty values are left out."""
    reader = csv.reader(text.splitlines(), skipinitialspace=True, strict=True)
    try:
        header = _read_header(path, reader)
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            where = f"{path}, line {reader.line_num}"
            if len(values) != len(header):
                raise ShapeFileError(f"{where}: {len(values)} values for {len(header)} columns")
            row = {name: value.strip() for name, value in zip(header, values, strict=True)}
            yield where, {name: value for name, value in row.items() if value}
    except csv.Error as error:
        raise ShapeFileError(f"{path}, line {reader.line_num}: {error}") from error


def _read_header(path: Path, reader: Any) -> list[str]:
    """The names in the first line that is not blank."""
    for values in reader:
        names = [name.strip() for name in values]
        if not any(names):
            continue
        for column, name in enumerate(names, start=1):
            where = f"{path}, line {reader.line_num}, column {column}"
            if name not in COLUMNS:
                raise ShapeFileError(f"{where}: {_describe_unknown_column(name)}")
            if name in names[: column - 1]:
                raise ShapeFileError(f"{where}: {name!r} appears twice")
        return names
    return []


def _read_json_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each object stands, and its values by column."""
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise ShapeFileError(f"{path}, line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ShapeFileError(f"{path} is nested too deeply to be a list of shapes") from error
    except ValueError as error:  # a number of more digits than Python reads
        raise ShapeFileError(f"{path} holds a number that is too long") from error
    if not isinstance(rows, list):
        raise ShapeFileError(f"{path} must be a list of shapes, [{{...}}, ...]")
    for number, row in enumerate(rows, start=1):
        where = f"{path}, shape {number}"
        if not isinstance(row, dict):
            raise ShapeFileError(f"{where} must be an object, {{...}}")
        for name in row:
            if name not in COLUMNS:
                raise ShapeFileError(f"{where}: {_describe_unknown_column(name)}")
        yield where, row


def _describe_unknown_column(name: str) -> str:
    return f"there is no column {quote(name)}; there are: {', '.join(COLUMNS)}"


def _make_shape(where: str, row: dict[str, Any]) -> Shape:
    """The shape in ``row``; ``where`` says where it stands, for an error."""
    fields = {}
    for name, value in row.items():
        try:
            fields[name] = _parse_value(name, value)
        except ValueError as error:
            raise ShapeFileError(f"{where}, column {name!r}: {error}") from error
    title = fields.pop("name", "")
    layer = fields.pop("layer", "conv2d")
    if layer in LAYERS_1D:
        fields = _flatten(fields)
    try:
        case = ConvCase(layer, **fields)
    except ValueError as error:
        raise ShapeFileError(f"{where}: {error}") from error
    if not (case.is_dense or case.is_separable):
        raise ShapeFileError(f"{where}: {layer} is a part, give the conv2d that it is a part of")
    return Shape(fields, name=title, is_1d=case.is_1d)


def _flatten(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` for a 1-D layer: its height is 1, and a single number of a pair is the width's."""
    flat = {"height": 1, "kernel_size": (3, 3), **fields}
    for name in _PAIRS:
        if name in flat and flat[name][0] == flat[name][1]:
            flat[name] = (1, flat[name][1])
    return flat


def _parse_value(name: str, value: Any) -> Any:
    """``value`` of the column ``name`` as a shape has it. Raises ``ValueError``."""
    if name == "name":
        return _check_title(value)
    if name in _PAIRS:
        return _parse_pair(value)
    if name in _NUMBERS:
        return _parse_number(value)
    if name in _FLAGS and isinstance(value, str):
        if value.lower() not in _WORDS:
            raise ValueError(f"must be true or false, not {quote(value)}")
        return _WORDS[value.lower()]
    if name == "activation":
        if value is not None and not isinstance(value, str):
            raise ValueError(f"must be the name of an activation, not {quote(value)}")
        return None if value in (None, "", "none", "linear") else value
    return value


def _parse_pair(value: Any) -> tuple[int, int]:
    numbers = value.split("x") if isinstance(value, str) else value
    if not isinstance(numbers, list | tuple):
        numbers = [numbers]
    if len(numbers) not in (1, 2):
        raise ValueError(f"must be one number or two, such as 3 or 3x5, not {quote(value)}")
    numbers = [_parse_number(number) for number in numbers]
    return (numbers[0], numbers[-1])


def _parse_number(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    raise ValueError(f"must be a whole number, not {quote(value)}")


def _check_title(value: Any) -> str:
    """``value`` as what a shape is called in tables and on terminals. Raises ``ValueError``."""
    if value is None:
        return ""
    if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST_TITLE:
        raise ValueError(f"must be text of at most {_LONGEST_TITLE} printable characters, not {quote(value)}")
    return value
