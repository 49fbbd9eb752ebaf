"""What a manager may change about the daily digest of open questions, and how a digest ends."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import Field

from policies.numbers import Numbers, WallTime, load

__all__ = ["NUMBERS", "Ending", "InboxDigestNumbers"]


class Ending(StrEnum):
    """How a digest ends; `SENT` is followed by how many people it went to."""

    SENT = "sent"
    NOTHING_NEW = "nothing_new"
    DAY_OFF = "day_off"


class InboxDigestNumbers(Numbers):
    """Every number of the digest. `time_of_day` is a wall time in the zone of the working days.

    `most_lines` keeps one message within the 3,000 characters that Slack takes in a block.
    """

    time_of_day: WallTime = Field(examples=["08:30:00"])
    most_lines: int = Field(ge=1, le=10, examples=[10])


NUMBERS = load(InboxDigestNumbers, Path(__file__).with_name("inbox_digest.toml"))
