"""The facts of an offboarding: ids, enums, dates and counts, and nothing personal."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = ["Change", "Deal", "Engineering", "Export", "Facts", "Interview", "Look", "Property", "Wish"]


class Property(StrEnum):
    """The properties of a deal that are changed, by the fields of the TOML; HubSpot's names stand there."""

    STATUS = "status"
    CONTRACT_END = "contract_end"


class Interview(StrEnum):
    """What became of the exit interview."""

    HELD = "held"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"


class Wish(StrEnum):
    """What the customer says to the offer of its data; `SILENT`: nothing, until the time was over."""

    WANTED = "wanted"
    NOT_WANTED = "not_wanted"
    SILENT = "silent"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Deal(_Fact):
    """A deal of the customer, as HubSpot has it now.

    Attributes:
        id: its id in HubSpot.
        won: whether it was closed as won, so that there is a contract.
        status: the Client Activity Status.
        earlier_status: the last one, in the property's history, that does not itself ask to offboard; None: none known.
        contract_end: the Contract End Date.
    """

    id: str = Field(min_length=1)
    won: bool
    status: str | None = None
    earlier_status: str | None = None
    contract_end: date | None = None

    def value(self, name: Property) -> str | None:
        """What the property holds, as HubSpot writes it: dates as YYYY-MM-DD."""
        if name is Property.STATUS:
            return self.status
        return self.contract_end.isoformat() if self.contract_end is not None else None


class Change(_Fact):
    """A property that is written: what stood there before and what after. The case file keeps it, to put it back."""

    property: Property
    before: str | None
    after: str | None


class Export(_Fact):
    """The customer's data export: its case, how that ended (None: it runs), and whether a person said to go on then."""

    case: str = Field(min_length=1)
    ending: str | None = None
    go_on: bool = False


class Engineering(_Fact):
    """Engineering's task: when they last said that access is gone (None: they have not), how often it was sent back."""

    task: str = Field(min_length=1)
    confirmed: AwareDatetime | None = None
    sent_back: int = Field(0, ge=0)


class Look(_Fact):
    """What was seen when somebody looked whether access is gone; `round` is how often the task had been sent back then.

    `active_users` and `live_sessions` are None where the product's database cannot be asked; then `seen_gone` is what a
    person saw who tried, None before that.
    """

    at: AwareDatetime
    round: int = Field(0, ge=0)
    active_users: int | None = Field(None, ge=0)
    live_sessions: int | None = Field(None, ge=0)
    seen_gone: bool | None = None

    @property
    def gone(self) -> bool | None:
        """Whether access is gone; None: not known yet. One user or session that was seen is enough for a no."""
        counts = (self.active_users, self.live_sessions)
        if any(counts) or self.seen_gone is False:
            return False
        return True if None not in counts or self.seen_gone else None


class Facts(_Fact):
    """All that the decision needs.

    Attributes:
        deal: the deal that counts, from `choose_deal`, as it is now.
        changes: all that this case has written into it, in order; what it put back as well.
        kept: what a person said stays, of what others changed in the deal meanwhile.
        stays: whether the customer has changed its mind.
        status_back: the status for a customer who stays, where a person had to say it.
        last_day: the last day of service; None: nobody has said it, and the Contract End Date may be another day.
        invited: whether the customer was invited to the exit interview, and its representative has the task.
        interview: what became of it; None: it is still open.
        offered: whether the customer was offered its data.
        wish: what it said; None: it may still answer.
        export: its data export.
        engineering: the task to take access away.
        called_off: whether that task was called off.
        look: the last look whether access is gone.
        restored: whether access was given back to a customer who stays.
        told: whether the customer was told that its access has ended.
        told_stayed: whether it was told that it stays.
        housekeeping: whether the representative has said that the house-keeping is done.
    """

    deal: Deal
    changes: tuple[Change, ...] = ()
    kept: frozenset[Property] = frozenset()
    stays: bool = False
    status_back: str | None = None
    last_day: date | None = None
    invited: bool = False
    interview: Interview | None = None
    offered: bool = False
    wish: Wish | None = None
    export: Export | None = None
    engineering: Engineering | None = None
    called_off: bool = False
    look: Look | None = None
    restored: bool = False
    told: bool = False
    told_stayed: bool = False
    housekeeping: bool = False
