"""What waits in a rep's queues: counted for each environment, and listed at the end of the day.

An environment is a queue in a tool; which a rep has, the settings say. Source: "Customer policies", part "Your Support
Workflow" ("leave as few Our Turn tickets as possible", "fringe tickets (e.g. engineering holds with long delays)").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from policies.rep_days import Rep
from policies.support_day_numbers import NUMBERS, SupportDayNumbers
from policies.words import letters

__all__ = ["Counts", "HandOver", "Ticket", "Tool", "Turn", "count", "hand_over", "prompt", "turn"]


class Tool(StrEnum):
    """Where queues are, by the names in the TOML."""

    INTERCOM = "intercom"
    ZENDESK = "zendesk"
    HUBSPOT = "hubspot"


class Turn(StrEnum):
    """Whose turn it is. `UNCLEAR` is a word that the TOML does not know; it waits for us, so that nothing is lost."""

    NEW = "new"
    OURS = "ours"
    THEIRS = "theirs"
    ENGINEERING = "engineering"
    DONE = "done"
    UNCLEAR = "unclear"


WAITS_FOR_US = frozenset({Turn.NEW, Turn.OURS, Turn.UNCLEAR})


class Ticket(BaseModel):
    """One ticket or conversation.

    Attributes:
        tool: where it is.
        id: its id there, unique in the tool.
        status: the tool's own word.
        since: since when it is in that status, or waits for an answer.
        sla_due: when its service level is broken; None: it has none, or the tool only says whether it was missed.
        sla_missed: whether the tool says that it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: Tool
    id: str = Field(min_length=1)
    status: str
    since: AwareDatetime
    sla_due: AwareDatetime | None = None
    sla_missed: bool = False

    def turn(self, numbers: SupportDayNumbers = NUMBERS) -> Turn:
        """Whose turn it is."""
        return turn(self.tool, self.status, numbers)

    def past_sla(self, now: datetime) -> bool:
        """Whether its service level is broken."""
        return self.sla_missed or (self.sla_due is not None and self.sla_due <= now)


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits for us in one environment. `our_turn` counts neither the new nor the unclear ones.

    `oldest` is since when the longest of all of them waits; `past_sla` counts those whose service level is broken.
    """

    new: int
    our_turn: int
    unclear: int
    past_sla: int
    oldest: datetime | None

    @property
    def waiting(self) -> int:
        """All that waits for us."""
        return self.new + self.our_turn + self.unclear

    def oldest_hours(self, now: datetime) -> int | None:
        """For how many whole hours the oldest waits."""
        return None if self.oldest is None else max(0, int((now - self.oldest).total_seconds() // 3600))


@dataclass(frozen=True, slots=True)
class HandOver:
    """The lists of the end of the day, the longest waiting first; `more_…` counts what is not on the list."""

    our_turn: tuple[Ticket, ...]
    more_our_turn: int
    fringe: tuple[Ticket, ...]
    more_fringe: int


def turn(tool: Tool, status: str, numbers: SupportDayNumbers = NUMBERS) -> Turn:
    """What a tool's own word means; signs such as an emoji, and capital letters, change nothing."""
    word = letters(status)
    groups = getattr(numbers.turns, tool.value).model_dump()
    return next((Turn(name) for name, words in groups.items() if word in map(letters, words)), Turn.UNCLEAR)


def count(tickets: Iterable[Ticket], now: datetime, numbers: SupportDayNumbers = NUMBERS) -> Counts:
    """What waits for us among the tickets of an environment; one that stands there twice counts once."""
    ours = _ours(tickets, numbers)
    turns = [one.turn(numbers) for one in ours]
    return Counts(
        new=turns.count(Turn.NEW),
        our_turn=turns.count(Turn.OURS),
        unclear=turns.count(Turn.UNCLEAR),
        past_sla=sum(one.past_sla(now) for one in ours),
        oldest=ours[0].since if ours else None,
    )


def prompt(queues: Mapping[str, Counts | None], now: datetime) -> dict[str, list[str]]:
    """What a greeting and a question say of each environment, by the names of the messages' variables.

    The keys of `queues` are the names that the settings give; None: it could not be counted, which is said.
    """
    known = {name: counts or Counts(0, 0, 0, 0, None) for name, counts in queues.items()}
    hours = [one.oldest_hours(now) for one in known.values()]
    return {
        "environments": list(queues),
        "new": ["unknown" if queues[name] is None else str(one.new) for name, one in known.items()],
        "our_turn": [str(one.our_turn) for one in known.values()],
        "unclear": [str(one.unclear) for one in known.values()],
        "past_sla": [str(one.past_sla) for one in known.values()],
        "oldest_hours": ["none" if one is None else str(one) for one in hours],
    }


def hand_over(tickets: Iterable[Ticket], rep: Rep, now: datetime, numbers: SupportDayNumbers = NUMBERS) -> HandOver:
    """What is left at the end of a rep's day, from all environments: where it is our turn, and fringe tickets.

    A fringe ticket is with engineering for more than `fringe_working_days` of the rep.
    """
    all_of_them = _unique(tickets)
    ours = _ours(all_of_them, numbers)
    fringe = sorted(
        (one for one in all_of_them if one.turn(numbers) is Turn.ENGINEERING and _is_old(one, rep, now, numbers)),
        key=_age,
    )
    most = numbers.hand_over.most_lines
    return HandOver(tuple(ours[:most]), max(0, len(ours) - most), tuple(fringe[:most]), max(0, len(fringe) - most))


def _is_old(ticket: Ticket, rep: Rep, now: datetime, numbers: SupportDayNumbers) -> bool:
    day, today, worked = rep.today(ticket.since), rep.today(now), 0
    while day < today and worked <= numbers.hand_over.fringe_working_days:
        day += timedelta(days=1)
        worked += rep.off(day) is None
    return worked > numbers.hand_over.fringe_working_days


def _ours(tickets: Iterable[Ticket], numbers: SupportDayNumbers) -> list[Ticket]:
    return sorted((one for one in _unique(tickets) if one.turn(numbers) in WAITS_FOR_US), key=_age)


def _unique(tickets: Iterable[Ticket]) -> list[Ticket]:
    # Pages of a list that changes while it is read give one twice.
    return list({(one.tool, one.id): one for one in tickets}.values())


def _age(ticket: Ticket) -> tuple[datetime, str, str]:
    return ticket.since, ticket.tool, ticket.id
