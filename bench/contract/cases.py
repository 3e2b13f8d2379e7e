"""The vocabulary of the whole project: what one measured case is.

This module needs nothing but the standard library, so that ``analysis`` can speak of cases
without loading a framework.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.contract.printable import quote

#: The version of the data contract between bench and analysis (``bench/contract/schema.json``).
SCHEMA = 1

DIRECTIONS = ("forward", "backward", "train")
MODES = ("eager", "graph", "xla")
DTYPES = ("float32", "bfloat16", "float16", "float64")
#: How a GPU's convolutions may compute float32: products of eleven bits, sums of 24. Of ceilings only.
TENSORFLOAT32 = "tensorfloat32"
#: *causal* pads in front alone, so that no output sees what comes after it: of 1-D layers.
CAUSAL = "causal"
PADDINGS = ("same", "valid", CAUSAL)
DATA_FORMATS = ("channels_last", "channels_first")

#: Why a case was not measured: the framework refuses it, computes something else, or it ended the process.
UNSUPPORTED, DISAGREES, DIED = "unsupported", "disagrees", "died"
REFUSALS = (UNSUPPORTED, DISAGREES, DIED)

#: The dense layer that each separable layer stands in for.
DENSE_OF = {"separable_conv2d": "conv2d", "separable_conv1d": "conv1d"}
#: And the other way round.
SEPARABLE_OF = {dense: separable for separable, dense in DENSE_OF.items()}
#: Layers of one dimension.
LAYERS_1D = ("conv1d", "separable_conv1d")
#: Ways to write a layer that say the same: a Conv2D with a group a channel is a depthwise layer, and m
#: depthwise layers side by side are one with depth multiplier m. ``bench.plan.remedies`` measures them.
GROUPED, SPLIT = "grouped_conv2d", "split_separable_conv2d"
LAYERS = (
    "conv2d",
    "separable_conv2d",
    "depthwise_conv2d",
    "pointwise_conv2d",
    "conv1d",
    "separable_conv1d",
    GROUPED,
    SPLIT,
)

#: No size is larger: what 64 bits hold. Larger numbers are nobody's layer, and no table takes them.
_MOST = 2**63 - 1
_ACTIVATION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_DEVICE = re.compile(r"[A-Za-z]{1,16}:[0-9]{1,4}", re.ASCII)

_ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class ConvCase:
    """One layer, one direction, one way of running it, one shape.

    Sizes are in elements; pairs such as ``kernel_size`` are (height, width). A 1-D layer is
    a case of height 1 whose ``kernel_size[0]``, ``strides[0]`` and ``dilation_rate[0]`` are 1.
    For ``pointwise_conv2d`` the kernel is 1x1; for ``depthwise_conv2d`` and ``grouped_conv2d`` the number
    of filters is ``in_channels * depth_multiplier``.

    ``direction`` is *forward* (the layer alone), *backward* (gradients alone, from saved
    activations, of the weights and, with ``input_gradient``, of the input) or *train* (both).
    ``input_gradient=False`` is a network's first layer; a forward case ignores it.

    Raises ``ValueError`` with one sentence where no such layer can exist.
    """

    layer: str = "conv2d"
    direction: str = "forward"
    input_gradient: bool = True
    mode: str = "graph"
    device: str = "CPU:0"
    dtype: str = "float32"
    batch: int = 8
    height: int = 32
    width: int = 32
    in_channels: int = 64
    filters: int = 64
    kernel_size: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: str = "same"
    dilation_rate: tuple[int, int] = (1, 1)
    depth_multiplier: int = 1
    data_format: str = "channels_last"
    activation: str | None = None
    use_bias: bool = True

    def __post_init__(self) -> None:
        if self.direction == "forward":
            object.__setattr__(self, "input_gradient", True)
        _check_choice("layer", self.layer, LAYERS)
        _check_choice("direction", self.direction, DIRECTIONS)
        _check_choice("mode", self.mode, MODES)
        _check_choice("dtype", self.dtype, DTYPES)
        _check_choice("padding", self.padding, PADDINGS)
        _check_choice("data_format", self.data_format, DATA_FORMATS)
        for name in ("input_gradient", "use_bias"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, not {quote(getattr(self, name))}")
        if not (isinstance(self.device, str) and _DEVICE.fullmatch(self.device)):
            raise ValueError(f"device must be such as CPU:0, not {quote(self.device)}")
        # It becomes part of names of files.
        if self.activation is not None and not (
            isinstance(self.activation, str) and _ACTIVATION.fullmatch(self.activation)
        ):
            raise ValueError(f"activation must be the name of one, not {quote(self.activation)}")
        for name in ("batch", "height", "width", "in_channels", "filters", "depth_multiplier"):
            _check_positive(name, getattr(self, name))
        for name in ("kernel_size", "strides", "dilation_rate"):
            pair = getattr(self, name)
            if not (isinstance(pair, tuple) and len(pair) == 2):
                raise ValueError(f"{name} must be two whole numbers (height, width), not {quote(pair)}")
            for value in pair:
                _check_positive(name, value)
        self._check_geometry()

    def _check_geometry(self) -> None:
        if self.layer == "pointwise_conv2d" and self.kernel_size != (1, 1):
            raise ValueError(f"a pointwise layer has a 1x1 kernel, not {_times(self.kernel_size)}")
        between = self.in_channels * self.depth_multiplier
        if self.layer in ("depthwise_conv2d", GROUPED) and self.filters != between:
            raise ValueError(
                f"a {self.layer} of {self.in_channels} channels and depth multiplier "
                f"{self.depth_multiplier} has {between} filters, not {self.filters}"
            )
        if (
            self.is_1d
            and (self.height, self.kernel_size[0], self.strides[0], self.dilation_rate[0]) != (1,) * 4
        ):
            raise ValueError("a 1-D layer has height, kernel height, stride height and dilation height 1")
        if self.padding == CAUSAL and not self.is_1d:
            raise ValueError(f"padding {CAUSAL!r} is for 1-D layers, not for a {self.layer}")
        if self.padding == "valid":
            for axis, size, extent in (
                ("height", self.height, self.dilated_kernel[0]),
                ("width", self.width, self.dilated_kernel[1]),
            ):
                if extent > size:
                    raise ValueError(
                        f"with padding 'valid' a kernel that spans {extent} does not fit into {axis} {size}"
                    )

    @property
    def is_1d(self) -> bool:
        return self.layer in LAYERS_1D

    @property
    def is_separable(self) -> bool:
        return self.layer in DENSE_OF

    @property
    def is_dense(self) -> bool:
        return self.layer in SEPARABLE_OF

    @property
    def item_bytes(self) -> int:
        """Bytes of one element of ``dtype``."""
        return _ITEM_BYTES[self.dtype]

    @property
    def dilated_kernel(self) -> tuple[int, int]:
        """Pixels that the kernel spans on each axis: (k - 1) d + 1."""
        height, width = self.kernel_size
        return (height - 1) * self.dilation_rate[0] + 1, (width - 1) * self.dilation_rate[1] + 1

    @property
    def output_size(self) -> tuple[int, int]:
        """(height, width) of the output, by Keras's rules for each padding."""
        return self._output_extent(self.height, axis=0), self._output_extent(self.width, axis=1)

    def _output_extent(self, size: int, axis: int) -> int:
        if self.padding == "valid":
            return (size - self.dilated_kernel[axis]) // self.strides[axis] + 1
        return -(-size // self.strides[axis])  # rounded up

    @property
    def shape(self) -> str:
        """The geometry and the layer's options, short and readable: ``8x32x32x64-f64-k3``."""
        size = f"{self.width}" if self.is_1d else f"{self.height}x{self.width}"
        kernel, strides, dilation = (
            pair[1] if self.is_1d or pair[0] == pair[1] else _times(pair)
            for pair in (self.kernel_size, self.strides, self.dilation_rate)
        )
        options = {
            "1d": self.is_1d,
            f"s{strides}": self.strides != (1, 1),
            self.padding: self.padding != "same",
            f"d{dilation}": self.dilation_rate != (1, 1),
            f"m{self.depth_multiplier}": self.depth_multiplier != 1,
            "nchw": self.data_format == "channels_first",
            str(self.activation): self.activation is not None,
            "nobias": not self.use_bias,
            "first": not self.input_gradient,
        }
        size = f"{self.batch}x{size}x{self.in_channels}"
        return "-".join([size, f"f{self.filters}", f"k{kernel}", *_where_true(options)])

    @property
    def comparison(self) -> str:
        """Everything but the layer, short and readable: the same for all layers of one comparison.

        What is usual (float32, graph, CPU:0) is left out.
        """
        settings = {
            self.dtype: self.dtype != "float32",
            self.mode: self.mode != "graph",
            self.device.replace(":", "").lower(): self.device != "CPU:0",
        }
        return "-".join([self.direction, self.shape, *_where_true(settings)])

    @property
    def id(self) -> str:
        """Short, stable and unique: what pytest-benchmark's table and ``-k`` see."""
        return f"{self.layer}-{self.comparison}"

    def as_dict(self) -> dict[str, Any]:
        """The case as JSON stores it (see ``bench/contract/schema.json``)."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ConvCase:
        """The inverse of :meth:`as_dict`.

        Raises ``ValueError`` for fields that do not exist or values that make no layer.
        """
        unknown = sorted(set(fields) - set(FIELDS))
        if unknown:
            raise ValueError(f"a case has no field {quote(unknown[0])}; it has: {', '.join(FIELDS)}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        return cls(**values)


FIELDS = tuple(field.name for field in dataclasses.fields(ConvCase))


def split_parts(case: ConvCase) -> tuple[ConvCase, ConvCase]:
    """The depthwise and the pointwise layer that a SeparableConv2D consists of, as cases of their own.

    As in Keras, bias and activation belong to the pointwise part. In backward and train the
    pointwise part always needs its input gradient, since the depthwise weights lie behind it.
    """
    if case.layer != "separable_conv2d":
        raise ValueError(f"only a separable_conv2d has these parts, not a {case.layer}")
    between = case.in_channels * case.depth_multiplier
    depthwise = dataclasses.replace(
        case, layer="depthwise_conv2d", filters=between, use_bias=False, activation=None
    )
    height, width = case.output_size
    pointwise = dataclasses.replace(
        case,
        layer="pointwise_conv2d",
        input_gradient=True,
        height=height,
        width=width,
        in_channels=between,
        kernel_size=(1, 1),
        strides=(1, 1),
        dilation_rate=(1, 1),
        padding="same",
        depth_multiplier=1,
    )
    return depthwise, pointwise


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {quote(value)}")


def _check_positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {quote(value)}")
    if value > _MOST:
        raise ValueError(f"{name} must be at most {_MOST}, not {quote(value)}")


def _where_true(words: Mapping[str, bool]) -> list[str]:
    return [word for word, true in words.items() if true]


def _times(pair: tuple[int, int]) -> str:
    return f"{pair[0]}x{pair[1]}"
