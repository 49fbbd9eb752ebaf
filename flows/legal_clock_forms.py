"""What the privacy role is asked while a legal clock runs."""

from __future__ import annotations

from datetime import date

from pydantic import Field, model_validator

from casework import clock
from casework.wait import Form
from policies.legal_clock_watch import Reasons, Said, latest_today

__all__ = ["News"]

DATED = (Said.ANSWERED, Said.IDENTITY_ASKED, Said.IDENTITY_PROVED, Said.CONFIRMED)


class News(Form):
    """What is new of a privacy request: a dated fact, an extension, or what was told of a missed day."""

    said: Said = Field(description="What is so?")
    on: date | None = Field(None, description="On which day it was, as 2026-04-02; left empty: today")
    reasons: Reasons | None = Field(None, description="Why it takes longer (only then, and needed)")

    @model_validator(mode="after")
    def _fits(self) -> News:
        if (self.said is Said.EXTENDED) != (self.reasons is not None):
            raise ValueError("say why it takes longer, and only if it does")
        if self.on is not None and self.said not in DATED:
            raise ValueError("a day belongs to what has happened with the member only; leave it empty")
        if self.on is not None and self.on > latest_today(clock.present()):
            raise ValueError("the day is still to come: say so when it has been")
        return self
