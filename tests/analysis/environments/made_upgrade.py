"""Runs of one machine before and after something changed on it, as files."""

import json

import numpy as np

from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results

COMPARISONS = [
    made_results.pair_of(ConvCase(in_channels=channels, direction=direction))
    for channels in (8, 16, 32)
    for direction in ("forward", "train")
]
#: What runs the separable layer's parts, and the dense layer.
KERNELS = {"dense": "brgconv:avx2", "depthwise": "jit_dw:avx2", "pointwise": "brgconv_1x1:avx2"}


def save_runs(
    folder, label, days, *, ratio=0.5, dense=0.002, kernels=KERNELS, campaign=None, place=None, **environment
):
    """A file a day of January; ``ratio`` is the separable layer's time over that of the dense one."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for day in days:
        random = np.random.default_rng(day)
        rows = []
        for conv, separable in COMPARISONS:
            own = ratio * np.exp(0.004 * random.standard_normal())
            base = dense * np.exp(0.004 * random.standard_normal())
            together = f"{campaign}-{day}" if campaign else None
            for case, seconds, relative in ((conv, base, 1.0), (separable, base * own, own)):
                rows.append(
                    made_results.layer_row(
                        case,
                        float(seconds),
                        [float(relative)] * 21,
                        turns={"together": together, "seconds": [float(seconds)] * 6},
                        **({"implementations": _name_kernels(case, kernels)} if kernels else {}),
                    )
                )
        content = made_results.content(
            rows, when=f"2026-01-{day:02}T00:00:00+00:00", fingerprint=label, **environment
        )
        if campaign:
            content["machine_info"]["run"]["campaign"] = {"id": campaign, "replicate": day, "label": label}
            if place is not None:
                content["machine_info"]["run"]["campaign"]["place"] = place
        files.append(folder / f"{label}-{day}.json")
        files[-1].write_text(json.dumps(content))
    return files


def load(*groups):
    return load_results([file for group in groups for file in group])


def _name_kernels(case, kernels):
    operations = ("depthwise", "pointwise") if case.is_separable else ("dense",)
    return {f"{operation} forward": kernels[operation] for operation in operations}
