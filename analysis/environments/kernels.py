"""Which kernels ran a case in one environment, and what became of them in another.

A kernel is known by the name of its implementation in oneDNN. Only the name is known: a new name may be a new
kernel, or the old one under a name that is not among those known to be one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from analysis.pairs.judging import Rows
from analysis.statistics import verdicts

#: Stands for the kernel of a role that oneDNN did not run.
OUTSIDE = "not in oneDNN"
#: Old names of kernels that oneDNN 3.5 only renamed, and what they are called now. Its sources have the class
#: of the first (brgemm_convolution_fwd_t) under both names. The second (brgemm_convolution_bwd_t) appends the
#: name of the forward kernel that it uses; in logs all of them changed together, with TensorFlow 2.18.
_RENAMED = {"brgconv": "brg_conv_fwd", "brg_fwd": "brg_conv_bwd"}
_OLD_NAME = re.compile(rf"(?<!\w)({'|'.join(_RENAMED)})(?=:)")
#: Between the roles of a case.
_SEPARATOR = "; "

#: Role -> the kernels that were seen to run it.
Kernels = Mapping[str, frozenset[str]]


def collect_kernels(rows: Rows) -> Kernels:
    """What the runs of a case recorded, all taken together; empty where none recorded anything."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if isinstance(row["implementations"], Mapping):
            for role, name in row["implementations"].items():
                found.setdefault(role, set()).add(name or OUTSIDE)
    return {role: frozenset(names) for role, names in found.items()}


def describe_kernels(kernels: Kernels) -> str:
    """``depthwise forward: jit_dw:avx2; pointwise forward: brgconv_1x1:avx2``; empty where none is known."""
    return _SEPARATOR.join(f"{role}: {_join_names(names)}" for role, names in kernels.items())


def describe_kernel_changes(base: Kernels, new: Kernels) -> str:
    """``depthwise weight gradient: jit_dw:avx512_core -> ref:any``, role by role; empty where none changed.

    Runs of one environment may have met several kernels. Where both environments met the same one, nothing is
    known to have changed; nor has a kernel changed that was renamed.
    """
    return _SEPARATOR.join(
        f"{role}: {_join_names(names)} -> {_join_names(new[role])}"
        for role, names in base.items()
        if role in new and _use_new_names(names).isdisjoint(_use_new_names(new[role]))
    )


def split_kernel_changes(words: str) -> list[str]:
    """What :func:`describe_kernel_changes` says, role by role."""
    return words.split(_SEPARATOR) if words else []


def can_be_compared(base: Kernels, new: Kernels) -> bool:
    """Whether any change would be seen: not that of a role that oneDNN ran in neither environment."""
    return base.keys() == new.keys() != set() and all(
        names | new[role] != {OUTSIDE} for role, names in base.items()
    )


@dataclass(frozen=True)
class KernelChange:
    """One kernel that gave way to another in one role, and the cases in which it did."""

    #: ``depthwise weight gradient: jit_dw:avx512_core -> ref:any``.
    words: str
    #: The cases' ids.
    ids: tuple[str, ...]
    #: What became of the time of how many of them.
    counts: Mapping[str, int]

    @property
    def counted(self) -> str:
        """``5 slower, 1 same``."""
        return ", ".join(f"{self.counts[word]} {word}" for word in verdicts.WORDS if self.counts.get(word))


def group_kernel_changes(cases: pd.DataFrame) -> list[KernelChange]:
    """The changes in ``cases`` (columns ``id``, ``verdict`` and ``kernel_changes``), most frequent first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in cases.to_dict("records"):
        for words in split_kernel_changes(row["kernel_changes"]):
            found.setdefault(words, []).append((row["id"], row["verdict"]))
    changes = [
        KernelChange(words, tuple(case for case, _ in met), Counter(verdict for _, verdict in met))
        for words, met in found.items()
    ]
    return sorted(changes, key=lambda change: -len(change.ids))


def select_known(cases: pd.DataFrame) -> pd.DataFrame:
    """Of ``Changes.cases`` those in which some kernel changed, or in which none is known to have."""
    return cases[cases["kernels_known"].astype(bool) | cases["kernel_changes"].ne("")]


def select_silent_changes(cases: pd.DataFrame) -> pd.DataFrame:
    """Of ``Changes.cases`` those in which another kernel ran, though their time is not known to differ."""
    changed = cases["verdict"].isin(verdicts.DIFFERENT)
    return cases[cases["kernel_changes"].ne("") & ~changed]


def _use_new_names(names: frozenset[str]) -> frozenset[str]:
    return frozenset(_OLD_NAME.sub(lambda old: _RENAMED[old[1]], name) for name in names)


def _join_names(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
