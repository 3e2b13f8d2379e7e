"""Files of runs of one environment, with known times."""

import json

import numpy as np

from analysis.results.loading import load_results
from bench.contract.cases import ConvCase
from tests.analysis import made_results

CASES = [
    ConvCase(in_channels=channels, direction=d) for channels in range(1, 21) for d in ("forward", "train")
]


def save(folder, label, times, *, campaign="", turns="", control=1.005, **environment):
    """A file a run; ``times`` is one list of seconds a run, an entry a case.

    Campaigns of the same name have their own ``turns``.
    """
    (folder / label).mkdir(parents=True, exist_ok=True)
    files = []
    for run, seconds in enumerate(times):
        pairs = {"rounds": 1, "ratio": control, "spread": [control] * 2, "ratios": [control]}
        rows = [
            made_results.layer_row(
                case,
                float(value),
                control=pairs,
                turns={
                    "together": f"{campaign}{turns}-{run}" if campaign else None,
                    "seconds": [float(value)] * 4,
                },
            )
            for case, value in zip(CASES, seconds, strict=False)
        ]
        content = made_results.content(rows, when=f"2026-01-{run + 1:02}T00:00:00+00:00", **environment)
        if campaign:
            content["machine_info"]["run"]["campaign"] = {
                "id": campaign, "replicate": run + 1, "label": label
            }  # fmt: skip
        files.append(folder / label / f"{run}.json")
        files[-1].write_text(json.dumps(content))
    return load_results(files)


def times(random, runs, *, change=None, drift=0.0, noise=0.02):
    """Times of runs: each run has its own drift, which its partner in a campaign shares."""
    common = np.exp(drift * np.random.default_rng(0).standard_normal((runs, 1)))
    own = np.exp(noise * random.standard_normal((runs, len(CASES))))
    return 0.002 * common * own * (1.0 if change is None else change)
