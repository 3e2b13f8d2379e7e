"""What the machine can do, as benchmark cases: matrix products, memory bandwidth, calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.contract.cases import TENSORFLOAT32
from bench.frameworks.interface import Call, Framework

MATRIX_PRODUCT, COPY, TRIAD, EMPTY_CALL = "matrix_product", "copy", "triad", "empty_call"

_KIB, _MIB, _GIB = 2**10, 2**20, 2**30
_MATRIX_SIZES = {"CPU": (256, 1024, 2048), "GPU": (2048, 4096, 8192)}
#: From one core's cache to far beyond what one virtual machine gets of its host's last cache.
_WORKING_SETS = (256 * _KIB, _MIB, 4 * _MIB, 16 * _MIB, 64 * _MIB, 256 * _MIB, _GIB)
#: Repeating inside the call makes its overhead vanish: about this many bytes are moved by one.
_BYTES_A_CALL = 2e8
_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Ceiling:
    """One limit of one device.

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
        """Both vectors of a stream; zero for the others."""
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
        if self.kind == MATRIX_PRODUCT:
            return framework.matrix_product(self.dtype, self.size, self.device)
        if self.kind == EMPTY_CALL:
            return framework.empty_call(self.mode, self.device)
        stream = framework.copy if self.kind == COPY else framework.triad
        return stream(self.size, self.repeats, self.device)


def list_ceilings(devices: Iterable[str], dtypes: Sequence[str], modes: Iterable[str]) -> tuple[Ceiling, ...]:
    """The ceilings that cases of these devices, dtypes and modes are judged by."""
    ceilings = []
    for device in devices:
        kind = device.partition(":")[0]
        products = [*dtypes, *([TENSORFLOAT32] if kind == "GPU" and "float32" in dtypes else [])]
        ceilings += [
            Ceiling(MATRIX_PRODUCT, device, dtype, size=n) for dtype in products for n in _MATRIX_SIZES[kind]
        ]
        ceilings += [
            Ceiling(
                kind,
                device,
                size=bytes_ // 2 // _FLOAT32_BYTES,
                repeats=max(1, round(_BYTES_A_CALL / bytes_)),
            )
            for kind in (COPY, TRIAD)
            for bytes_ in _WORKING_SETS
        ]
        ceilings += [Ceiling(EMPTY_CALL, device, mode=mode) for mode in modes if mode != "eager"]
    return tuple(ceilings)
