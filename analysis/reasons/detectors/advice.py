"""What to do about a reason, where several detectors advise the same; by the remedy that does it."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.reasons.findings import Advice
from bench.contract.remedies import (
    CHANNELS_LAST,
    LARGER_BATCH,
    SMALLER_KERNEL,
    SPLIT_DEPTH_MULTIPLIER,
)

ADVICE: Mapping[str, Advice] = {
    remedy: Advice(says, (remedy,))
    for remedy, says in {
        SPLIT_DEPTH_MULTIPLIER: "write it as several depthwise layers of depth multiplier 1",
        SMALLER_KERNEL: "use 3x3 kernels, two of them for the same reach",
        LARGER_BATCH: "larger batches spread it over more images",
        CHANNELS_LAST: "use channels_last",
    }.items()
}
