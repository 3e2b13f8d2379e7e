"""A replicate: every comparison in all environments, turn by turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bench.campaign.environments import CampaignError
from bench.campaign.member import Member

#: How many of a log's last lines are shown.
_LOG_LINES = 15


def run_replicate(
    members: Sequence[Member], case_timeout: float, name: str, tell: Callable[[int, int], None]
) -> None:
    """Start ``members`` in their order, and measure every comparison in all of them.

    Before each comparison ``tell`` is given its place and the number of comparisons. ``name`` is the
    replicate's. Raises :class:`CampaignError` where a process ends without a result.
    """
    started: list[Member] = []
    try:
        for member in members:
            started.append(member)
            _start(member, case_timeout)
        comparisons = 0
        while any(member.place for member in members):
            place, count = min(member.place for member in members if member.place)
            tell(place, count)
            group = [member for member in members if member.place and member.place[0] == place]
            # Who leads differs from comparison to comparison.
            if comparisons % 2:
                group.reverse()
            _measure_together(group, f"{name}-{place}-{time.time_ns():x}")
            for member in group:
                _refuse_lost(member)
                while not member.place and not member.has_result:
                    # It died, and its journal knows of what. It arrives where it was, or dies again.
                    _start(member, case_timeout)
            comparisons += 1
    finally:
        for member in started:
            member.kill()


def _start(member: Member, case_timeout: float) -> None:
    member.start(case_timeout)
    _refuse_lost(member)


def _refuse_lost(member: Member) -> None:
    """Raise :class:`CampaignError` unless ``member`` waits, has its result, or can be started again."""
    if member.place or member.has_result or (member.ending and member.ending.can_go_on):
        return
    said = member.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise CampaignError(
        f"{member.label} ended without a result; the end of {member.log}:\n"
        + "\n".join(f"  {line}" for line in said[-_LOG_LINES:])
    )


def _measure_together(group: Sequence[Member], name: str) -> None:
    """Measure one comparison in lock-step. Who dies leaves, and the others go on."""
    playing = [member for member in group if member.go_on(together=name)]
    turn = 0
    while not all(member.has_enough for member in playing):
        order = order_turn(turn, len(playing))
        left = [playing[place] for place in order if not playing[place].go_on(another=True)]
        playing = [member for member in playing if member not in left]
        turn += 1
    for member in playing:
        member.go_on(another=False)


def order_starts(replicate: int, count: int) -> list[int]:
    """The order in which a replicate (0, 1, ...) starts its ``count`` processes.

    They go round, one way in one replicate and the other way in the next, and another is first every time.
    Two or three processes come in all their orders equally often.

    Measured: the process that came first seemed 0.6, 0.9, 0.4 and 0.7 % slower than the median of eleven, in
    four campaigns; why is not known. In the first two it was the same environment in every replicate, and now
    and then another was called faster than it; where it is another every time, none was.
    """
    return _go_round(-replicate, replicate, count)


def order_turn(turn: int, count: int) -> list[int]:
    """The order of ``count`` processes in a turn (0, 1, ...) of a comparison.

    From three on they go round, one way in one turn and the other way in the next, led by each in turn. Two
    can only alternate, and the same one leads.

    No process ever follows itself, or it would find its own data in the caches: measured, whichever stood at
    the end of a simple alternation of eleven seemed 1 to 4 % faster than the others.
    """
    lead = -(turn // 2) if count > 2 else 0
    return _go_round(lead, turn, count)


def _go_round(lead: int, turn: int, count: int) -> list[int]:
    """All of 0 to ``count`` - 1 from ``lead`` on: forwards in even turns, else backwards."""
    step = 1 if turn % 2 == 0 else -1
    return [(lead + step * place) % count for place in range(count)]
