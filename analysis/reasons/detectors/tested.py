"""Causes that experiments have shown, one finding a cause; and what they leave of slow kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from analysis.reasons.causes.parts import (
    CAUSES,
    COLD_DATA,
    EMPTY_LANES,
    FIXED_COST,
    IMPLEMENTATION,
    KERNEL_CEILING,
    LARGE_DATA,
    THREADS,
    Cause,
)
from analysis.reasons.detectors.advice import ADVICE
from analysis.reasons.detectors.words import name_kernel
from analysis.reasons.findings import NO_ADVICE, UNEXPLAINED, Advice, Finding
from analysis.reasons.traced_layer import TracedLayer
from analysis.wording import format_milliseconds, format_number, format_percent, join_words
from bench.contract.experiments import (
    AVX2,
    BATCH_2,
    BATCH_4,
    FLOAT32,
    GRAPH_MODE,
    LAST_CHANNELS,
    NO_ONEDNN,
    ONE_MULTIPLIER,
    THREE_WIDE,
)
from bench.contract.remedies import (
    CHANNELS_LAST,
    LARGER_BATCH,
    SMALLER_KERNEL,
    SPLIT_DEPTH_MULTIPLIER,
    TORCH_COMPILE_OFF,
    XLA_OFF,
)

#: A tested kernel is unexplained where more than this part of what it takes too long is left.
_MOST_LEFT = 0.5

#: How many images make oneDNN choose another implementation.
_IMAGES = {BATCH_2: "2 times", BATCH_4: "4 times"}

#: A kernel in words, and the cause with what was measured.
_Lost = tuple[str, Cause]

#: What was tried for each cause, in words.
_TRIED = {
    COLD_DATA: "calling it alone",
    FIXED_COST: "more images",
    THREADS: "one thread",
    LARGE_DATA: "images that fit the cache",
    EMPTY_LANES: "whole vectors of channels",
    IMPLEMENTATION: "other implementations",
    KERNEL_CEILING: "shapes that suit such kernels",
}


def find_tested(layer: TracedLayer) -> Iterator[Finding]:
    """What experiments claim of slow kernels: by cause, the time that is lost to it."""
    rows = layer.tested_kernels
    if rows.empty:
        return
    for code in CAUSES:
        claimed = [[cause for cause in causes if cause.cause == code] for causes in rows["causes"]]
        alike = rows[[bool(causes) for causes in claimed]]
        if alike.empty:
            continue
        causes = [cause for causes in claimed for cause in causes]
        names = [name_kernel(row) for row in alike.to_dict("records")]
        lost = list(zip(names, causes, strict=True))
        begin, describe = _SENTENCES[code]
        yield layer.make_finding(
            code,
            alike,
            f"{begin}: {', '.join(f'{name} ({describe(cause.evidence)})' for name, cause in lost)}",
            _advise(code, lost, layer),
            dense_may_help=code == EMPTY_LANES,
            evidence={"tested": [{"kernel": name, **cause.as_dict()} for name, cause in lost]},
            part_seconds=sum(cause.seconds for cause in causes),
        )


def find_left(layer: TracedLayer) -> Iterator[Finding]:
    """Tested kernels of whose gap to the limit more than half is left."""
    rows = layer.tested_kernels
    if rows.empty:
        return
    gaps = rows["seconds"] - rows["limit_seconds"]
    rows = rows[(rows["remainder_seconds"] > _MOST_LEFT * gaps) | (rows["causes"].map(len) == 0)]
    if rows.empty:
        return
    parts = [_describe_left(row) for row in rows.to_dict("records")]
    yield layer.make_finding(
        UNEXPLAINED,
        rows,
        f"Experiments leave most of the time above the limit unexplained: {', '.join(parts)}",
        evidence={
            "tried": [
                {"kernel": name_kernel(row), **{cause: list(lost) for cause, lost in row["tried"].items()}}
                for row in rows.to_dict("records")
            ]
        },
        part_seconds=float(rows["remainder_seconds"].sum()),
    )


def _describe_left(row: Mapping[str, Any]) -> str:
    ran = f"{row['implementation']}, " if row["implementation"] else ""
    tried = join_words([_TRIED[cause] for cause in row["tried"]])
    what = f"tried: {tried}" if tried else "nothing could be tried"
    return (
        f"{name_kernel(row)} ({ran}{format_percent(row['of_limit'])} of its limit; {what}; "
        f"{format_milliseconds(row['remainder_seconds'])} of {format_milliseconds(row['seconds'])} ms left)"
    )


def _describe_cold_data(evidence: Mapping[str, Any]) -> str:
    alone, inside = evidence["alone_seconds"], evidence["in_step_seconds"]
    return f"alone {format_milliseconds(alone)} ms, in the step {format_milliseconds(inside)} ms"


def _describe_fixed_cost(evidence: Mapping[str, Any]) -> str:
    times = evidence["seconds_by_batch"]
    more = [
        f"with {batch} times the images {format_milliseconds(times[batch])} ms"
        for batch in times
        if batch != "1"
    ]
    return ", ".join([f"{format_milliseconds(times['1'])} ms", *more])


def _describe_threads(evidence: Mapping[str, Any]) -> str:
    one, several = evidence["one_thread_seconds"], evidence["all_threads_seconds"]
    images = f"{evidence['batch']} image{'s' * (evidence['batch'] != 1)}"
    return (
        f"of {images}, with one thread {format_milliseconds(one)} ms, with {evidence['threads']} "
        f"{format_milliseconds(several)} ms, where the machine's own ceiling gains a factor of "
        f"{format_number(evidence['ceiling_gain'])}"
    )


def _describe_large_data(evidence: Mapping[str, Any]) -> str:
    return (
        f"with one thread {format_milliseconds(evidence['seconds'])} ms; at the pace of {evidence['shape']}, "
        "whose images fit the cache, "
        f"{format_milliseconds(evidence['other_seconds'] * evidence['scaled_by'])} ms"
    )


def _describe_empty_lanes(evidence: Mapping[str, Any]) -> str:
    return (
        f"{_count_channels(evidence, 'channels', 'filters')} take "
        f"{format_milliseconds(evidence['seconds'])} ms, "
        f"{_count_channels(evidence, 'lanes', 'filters_in_whole_lanes')} "
        f"{format_milliseconds(evidence['other_seconds'])} ms"
    )


def _count_channels(evidence: Mapping[str, Any], channels: str, filters: str) -> str:
    """Input channels, and filters where they are not as many."""
    count = f"{evidence[channels]} channel{'s' * (evidence[channels] != 1)}"
    are_same = evidence["channels"] == evidence["filters"] and evidence[channels] == evidence[filters]
    return count if are_same else f"{count} and {evidence[filters]} filter{'s' * (evidence[filters] != 1)}"


def _describe_implementation(evidence: Mapping[str, Any]) -> str:
    return (
        f"{format_milliseconds(evidence['this_seconds'])} ms as it is, "
        f"{format_milliseconds(evidence['seconds'])} ms with {_name_setting(evidence)}"
    )


def _name_setting(evidence: Mapping[str, Any]) -> str:
    times = _IMAGES.get(evidence["setting"])
    return f"{times} the images, of which {evidence['implementation']} runs" if times else evidence["setting"]


def _describe_ceiling(evidence: Mapping[str, Any]) -> str:
    return f"the best shape tried, {evidence['shape']}, reaches {format_percent(evidence['of_limit'])}"


#: How the sentence about a cause begins, and what it says of each kernel.
_SENTENCES: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    COLD_DATA: ("In the step its data are not in the cache, so time is lost", _describe_cold_data),
    FIXED_COST: ("A part of the time does not grow with the images", _describe_fixed_cost),
    THREADS: ("Sharing the work among threads loses time", _describe_threads),
    LARGE_DATA: ("Its data are larger than a core's cache, so time is lost", _describe_large_data),
    EMPTY_LANES: ("Vectors run partly empty", _describe_empty_lanes),
    IMPLEMENTATION: ("Another implementation is faster", _describe_implementation),
    KERNEL_CEILING: ("No kernel of this kind comes near its limit here", _describe_ceiling),
}


def _advise(code: str, lost: Sequence[_Lost], layer: TracedLayer) -> Advice:
    if code == FIXED_COST:
        return ADVICE[LARGER_BATCH]
    if code == THREADS:
        return _advise_on_threads(lost)
    if code == EMPTY_LANES:
        return _advise_on_lanes(lost)
    if code == IMPLEMENTATION:
        return _join_advice([_advise_on_implementation(name, cause, layer) for name, cause in lost])
    return NO_ADVICE


def _advise_on_threads(lost: Sequence[_Lost]) -> Advice:
    """One thread where more do not pay; what they bring where they do."""
    one = sum(cause.evidence["one_thread_seconds"] for _, cause in lost)
    several = sum(cause.evidence["all_threads_seconds"] for _, cause in lost)
    threads = lost[0][1].evidence["threads"]
    if one <= several:
        return Advice("set intra-op threads to 1: more do not pay here")
    return Advice(f"{threads} threads bring a factor of {format_number(one / several)} only, but they pay")


def _advise_on_lanes(lost: Sequence[_Lost]) -> Advice:
    return _join_advice(
        [
            Advice(
                f"{_count_channels(cause.evidence, 'lanes', 'filters_in_whole_lanes')} take "
                f"{format_number(cause.evidence['other_seconds'] / cause.evidence['seconds'])} "
                "times as long"
            )
            for _, cause in lost
        ]
    )


def _advise_on_implementation(name: str, cause: Cause, layer: TracedLayer) -> Advice:
    setting = cause.evidence["setting"]
    times = format_number(cause.evidence["this_seconds"] / cause.evidence["seconds"])
    faster = f"runs {name} {times} times as fast"
    if setting == GRAPH_MODE:
        remedy = TORCH_COMPILE_OFF if layer.backend == "torch" else XLA_OFF
        compiler = "torch.compile" if layer.backend == "torch" else "XLA"
        return Advice(f"leave {compiler} off: that {faster}", (remedy,))
    if setting in _IMAGES:
        return Advice(f"{_IMAGES[setting]} the images: oneDNN then chooses another kernel", (LARGER_BATCH,))
    known = {
        FLOAT32: Advice("compute this layer in float32"),
        NO_ONEDNN: Advice(f"TF_ENABLE_ONEDNN_OPTS=0 {faster}"),
        AVX2: Advice(f"ONEDNN_MAX_CPU_ISA=AVX2 {faster}"),
        LAST_CHANNELS: ADVICE[CHANNELS_LAST],
        ONE_MULTIPLIER: ADVICE[SPLIT_DEPTH_MULTIPLIER],
        THREE_WIDE: ADVICE[SMALLER_KERNEL],
    }
    return known[setting]


def _join_advice(parts: Sequence[Advice]) -> Advice:
    """All of it, each once."""
    says = "; ".join(dict.fromkeys(advice.says for advice in parts))
    return Advice(says, tuple(dict.fromkeys(remedy for advice in parts for remedy in advice.remedies)))
