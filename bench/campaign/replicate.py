"""A replicate: every comparison in all environments, turn by turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bench.campaign.environments import CampaignError
from bench.campaign.member import Member

_LOG_LINES = 15


def run_replicate(
    members: Sequence[Member], case_timeout: float, name: str, tell: Callable[[int, int], None]
) -> None:
    """Measure every comparison in all ``members``, started in their order; ``tell`` is given the place and
    the count.

    Raises :class:`CampaignError` where a process ended without a result.
    """
    started: list[Member] = []
    try:
        for member in members:
            started.append(member)
            member.start(case_timeout)
            _must_go_on(member)
        rounds = 0
        while any(member.place for member in members):
            place, count = min(member.place for member in members if member.place)
            tell(place, count)
            group = [member for member in members if member.place and member.place[0] == place]
            # Who leads differs from comparison to comparison.
            _together(group if rounds % 2 == 0 else group[::-1], f"{name}-{place}-{time.time_ns():x}")
            for member in group:
                _must_go_on(member)
                while not member.place and not member.result.exists():
                    # It died, and its journal knows of what; it arrives where it was, or dies again.
                    member.start(case_timeout)
                    _must_go_on(member)
            rounds += 1
    finally:
        for member in started:
            member.kill()


def _together(group: Sequence[Member], name: str) -> None:
    """One comparison in lock-step; who dies leaves, the others go on."""
    playing = [member for member in group if member.go_on(together=name) == "turn"]
    turns = 0
    while not all(member.enough for member in playing):
        gone = [
            playing[at] for at in order_turn(turns, len(playing)) if playing[at].go_on(another=True) != "turn"
        ]
        playing = [member for member in playing if member not in gone]
        turns += 1
    for member in playing:
        member.go_on(another=False)


def order_starts(replicate: int, count: int) -> list[int]:
    """In what order a replicate (0, 1, ...) starts its processes, and they go round: one way, then the other,
    and first is another every time. Of two or three, all orders come alike often.

    Measured: the process that came first seemed 0.6, 0.9, 0.4 and 0.7 % slower than the median of eleven, in
    four campaigns; why is not known. In the first two it was the same environment in every replicate, and now
    and then another was called faster than it; where it is another every time, none was.
    """
    return _circle(-replicate, replicate, count)


def order_turn(turn: int, count: int) -> list[int]:
    """Who comes after whom in a turn of ``count`` processes: from three on, one way, then the other, led by
    each in turn.

    Nobody ever follows itself, or it would find its own data in the caches: measured, whoever stood at
    the end of a simple alternation of eleven seemed 1 to 4 % faster than the others.
    """
    # Two can only alternate, and who leads stays the same.
    return _circle(-(turn // 2) if count > 2 else 0, turn, count)


def _circle(lead: int, turn: int, count: int) -> list[int]:
    """All of ``count`` from ``lead`` on: forwards in even turns, else backwards."""
    step = 1 if turn % 2 == 0 else -1
    return [(lead + step * place) % count for place in range(count)]


def _must_go_on(member: Member) -> None:
    """It waits, it has left its result, or it will be started again."""
    if member.place or member.result.exists() or (member.ending and member.ending.can_go_on):
        return
    said = member.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise CampaignError(
        f"{member.label} ended without a result; the end of {member.log}:\n"
        + "\n".join(f"  {line}" for line in said[-_LOG_LINES:])
    )
