"""What the machine can do, as benchmark cases: matrix products, memory bandwidth, calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.contract.cases import TENSORFLOAT32
from bench.contract.ceilings import COPY, EMPTY_CALL, MATRIX_PRODUCT, TRIAD
from bench.frameworks.interface import Call, Framework

_KIB, _MIB, _GIB = 2**10, 2**20, 2**30
_MATRIX_SIZES = {"CPU": (256, 1024, 2048), "GPU": (2048, 4096, 8192)}
#: In bytes, from one core's cache to far beyond a virtual machine's share of its host's last cache.
_WORKING_SETS = (256 * _KIB, _MIB, 4 * _MIB, 16 * _MIB, 64 * _MIB, 256 * _MIB, _GIB)
#: A stream repeats inside one call until it has moved about this many bytes: then what a call costs by
#: itself does not count.
_BYTES_A_CALL = 2e8
_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Ceiling:
    """One limit of one device; ``kind`` is one of those in :mod:`bench.contract.ceilings`.

    ``size`` is the side of a square matrix product, or the elements of each of the two float32
    vectors of a copy (``a = b``) or triad (``a -= s * b``, in place).
    """

    kind: str
    device: str
    dtype: str = "float32"
    mode: str = "graph"
    size: int = 0
    repeats: int = 1

    @property
    def working_set_bytes(self) -> int:
        """The bytes of both vectors of a stream; zero for the others."""
        return 2 * self.size * _FLOAT32_BYTES if self.kind in (COPY, TRIAD) else 0

    @property
    def flops(self) -> int:
        """Floating-point operations of one call of a matrix product: 2 n^3."""
        return 2 * self.size**3 if self.kind == MATRIX_PRODUCT else 0

    @property
    def bytes(self) -> int:
        """Bytes that one call must read and write: two vectors a copy, three a triad."""
        streams = {COPY: 2, TRIAD: 3}.get(self.kind, 0)
        return streams * self.size * _FLOAT32_BYTES * self.repeats

    @property
    def id(self) -> str:
        device = "" if self.device == "CPU:0" else "-" + self.device.replace(":", "").lower()
        if self.kind == MATRIX_PRODUCT:
            return f"{self.kind}-{self.dtype}-{self.size}{device}"
        if self.kind == EMPTY_CALL:
            return f"{self.kind}-{self.mode}{device}"
        return f"{self.kind}-{self.working_set_bytes // _KIB}KiB{device}"

    def as_dict(self) -> dict[str, Any]:
        """The ceiling as JSON stores it (see ``bench/contract/schema.json``)."""
        return {
            **asdict(self),
            "flops": self.flops,
            "bytes": self.bytes,
            "working_set_bytes": self.working_set_bytes,
        }

    def prepare(self, framework: Framework) -> Call:
        """The call that reaches for this limit. Raises :class:`bench.frameworks.interface.Unsupported`."""
        if self.kind == MATRIX_PRODUCT:
            return framework.prepare_matrix_product(self.dtype, self.size, self.device)
        if self.kind == EMPTY_CALL:
            return framework.prepare_empty_call(self.mode, self.device)
        if self.kind == COPY:
            return framework.prepare_copy(self.size, self.repeats, self.device)
        return framework.prepare_triad(self.size, self.repeats, self.device)


def list_ceilings(devices: Iterable[str], dtypes: Sequence[str], modes: Iterable[str]) -> tuple[Ceiling, ...]:
    """The ceilings that cases of these devices, dtypes and modes are judged by."""
    ceilings: list[Ceiling] = []
    for device in devices:
        ceilings += _list_matrix_products(device, dtypes)
        ceilings += _list_streams(device)
        ceilings += [Ceiling(EMPTY_CALL, device, mode=mode) for mode in modes if mode != "eager"]
    return tuple(ceilings)


def _list_matrix_products(device: str, dtypes: Sequence[str]) -> list[Ceiling]:
    hardware = device.partition(":")[0]
    computed = list(dtypes)
    if hardware == "GPU" and "float32" in dtypes:
        # A GPU's convolutions may compute float32 so.
        computed.append(TENSORFLOAT32)
    return [
        Ceiling(MATRIX_PRODUCT, device, dtype=dtype, size=side)
        for dtype in computed
        for side in _MATRIX_SIZES[hardware]
    ]


def _list_streams(device: str) -> list[Ceiling]:
    """Copies and triads of two float32 vectors each, for every size of the working set."""
    return [
        Ceiling(
            kind,
            device,
            size=working_set // 2 // _FLOAT32_BYTES,
            repeats=max(1, round(_BYTES_A_CALL / working_set)),
        )
        for kind in (COPY, TRIAD)
        for working_set in _WORKING_SETS
    ]
