"""The facts of a transfer from support to sales: ids, enums, dates and counts, and nothing personal.

What a lead's fields hold is never a fact here, only which of them hold something.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = [
    "Conversation",
    "Facts",
    "Kept",
    "Lead",
    "LeadField",
    "Match",
    "Meeting",
    "OutreachProspect",
    "Owners",
    "Record",
    "RecordKind",
    "Route",
    "State",
    "Topic",
    "Who",
]


class Who(StrEnum):
    """Who writes. A customer is anyone with an account, on trial or paying; everyone else is a lead."""

    PAYING = "paying"
    TRIAL = "trial"
    LEAD = "lead"


class Topic(StrEnum):
    """What it is about; `FEATURE`: what a feature costs or how to get it, `OTHER`: none of those that sales takes."""

    PRICING = "pricing"
    DEMO = "demo"
    SEATS = "seats"
    BILLING = "billing"
    FEATURE = "feature"
    UPGRADE = "upgrade"
    OTHER = "other"


class State(StrEnum):
    """The state of an Intercom conversation, by Intercom's words; `GONE`: it is not there any more."""

    OPEN = "open"
    SNOOZED = "snoozed"
    CLOSED = "closed"
    GONE = "gone"


class Kept(StrEnum):
    """Why support keeps a conversation."""

    NOT_ELIGIBLE = "not_eligible"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    GONE = "gone"
    DECLINED = "declined"
    NOT_TAKEN = "not_taken"


class Route(StrEnum):
    """What the SDR makes of a lead."""

    SALES = "sales"
    TECHNICAL = "technical"


class LeadField(StrEnum):
    """What Salesforce needs to know of a lead, by the fields of the TOML; Salesforce's names stand there."""

    EMAIL = "email"
    COMPANY = "company"
    EMPLOYEE_COUNT = "employee_count"
    ATS = "ats"
    WEBSITE = "website"
    PHONE = "phone"


class RecordKind(StrEnum):
    """What a person is in Salesforce."""

    LEAD = "lead"
    CONTACT = "contact"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conversation(_Fact):
    """The Intercom conversation as it is now.

    Attributes:
        id: its id in Intercom.
        state: open, snoozed, closed, or gone.
        asked: whether its tag or its topic still asks for the transfer.
        wrote: when the customer last wrote in it.
    """

    id: str = Field(min_length=1)
    state: State = State.OPEN
    asked: bool = True
    wrote: AwareDatetime | None = None


class Owners(_Fact):
    """Who has the account in Salesforce, by staff id; None: nobody whom we know."""

    account_executive: str | None = None
    csm: str | None = None

    @property
    def first(self) -> str | None:
        """Who hears of it: the account executive, whose the business is, else the CSM."""
        return self.account_executive or self.csm


class Record(_Fact):
    """A lead or contact in Salesforce with the person's e-mail address; `filled`: which fields hold something."""

    id: str = Field(min_length=1)
    kind: RecordKind = RecordKind.LEAD
    converted: bool = False
    status: str | None = None
    filled: frozenset[LeadField] = frozenset()

    @property
    def writable(self) -> bool:
        """Whether we may write it: a contact is its account's, and Salesforce locks a converted lead."""
        return self.kind is RecordKind.LEAD and not self.converted


class Match(_Fact):
    """What a look by e-mail address has found in Salesforce, and when that was."""

    at: AwareDatetime
    records: tuple[Record, ...] = ()


class OutreachProspect(_Fact):
    """What a look by e-mail address has found in Outreach. `id` None: there is no such prospect.

    `in_sequence`: in any sequence that still runs, whoever has put it there. `stage`: the name of the stage that it was
    in then; what had become of it before says nothing about this transfer.
    """

    id: str | None = None
    opted_out: bool = False
    in_sequence: bool = False
    stage: str | None = None


class Lead(_Fact):
    """What is known and done about a lead.

    Attributes:
        known: the fields that the conversation, Qualified or the SDR have told us.
        asked: when the SDR was done with the question for the missing ones, answered or not; None: not asked.
        employees: how many there are, of whatever source.
        match: the last look into Salesforce; None: look (again).
        chosen: the record that the SDR has said counts.
        made: the lead that this case has made.
        written: the fields that this case has written into it, or made it with.
        in_qualified: whether Qualified has the lead.
        chat: the Qualified conversation that is open; None: none is.
        chat_closed: whether the SDR has said that it is closed.
        nurtured: whether this case has set the lead's status to nurturing.
        outreach: the last look into Outreach; None: look (again).
        sequenced: whether this case has put it into its sequence.
        sequence_ended: whether this case has ended that.
        intro: when this case had Outreach send the introduction to support; None: it has not.
        intro_failed: whether Outreach says that it will not arrive.
        intro_ended: whether this case has called it off.
    """

    known: frozenset[LeadField] = frozenset()
    asked: AwareDatetime | None = None
    employees: int | None = Field(None, ge=0)
    match: Match | None = None
    chosen: str | None = None
    made: str | None = None
    written: frozenset[LeadField] = frozenset()
    in_qualified: bool = False
    chat: str | None = None
    chat_closed: bool = False
    nurtured: bool = False
    outreach: OutreachProspect | None = None
    sequenced: bool = False
    sequence_ended: bool = False
    intro: AwareDatetime | None = None
    intro_failed: bool = False
    intro_ended: bool = False


class Meeting(_Fact):
    """A meeting of the person's with sales: its status by Qualified's words, and when it was made."""

    status: str
    made: AwareDatetime


class Facts(_Fact):
    """All that the decision needs.

    Attributes:
        conversation: as it is now.
        who: None: not known, such as when several accounts have the address.
        topic: None: the topic field is empty or says something that we do not know.
        go_on: what a person has overruled: `CLOSED` before the transfer, `WITHDRAWN` by taking off tag or topic.
        stays: why a person said that support keeps it.
        kept_noted: whether the note about that is written.
        called_off: whether the SDR who had taken it knows.
        sales_added: whether sales takes part in the conversation.
        introduced: when the customer was told that sales will write.
        noted: whether the context is noted.
        sdr: the staff id of who has taken it.
        silent: whether the time of a question to sales is over, the last deadline too.
        owners: who has the account; None: not looked.
        owner: whom the sales manager has named.
        owner_told: whether the owner was told in Slack.
        owner_has_it: whether the owner has said so.
        route: what the SDR makes of a lead; None: not said yet.
        thread: when it was confirmed that the SDR's new e-mail thread is there: said, or Outreach has delivered it.
        closed: whether this case has seen to it that the conversation is closed, or was already.
        heard: up to which of the customer's words in the old conversation the SDR was told.
        lead: the lead in Salesforce, Qualified and Outreach.
        meetings: those of this person.
        disqualified: whether sales has said that nothing will come of it.
        manager_told: whether the sales manager was told that it stands still.
    """

    conversation: Conversation
    who: Who | None = None
    topic: Topic | None = None
    go_on: frozenset[Kept] = frozenset()
    stays: Kept | None = None
    kept_noted: bool = False
    called_off: bool = False
    sales_added: bool = False
    introduced: AwareDatetime | None = None
    noted: bool = False
    sdr: str | None = None
    silent: bool = False
    owners: Owners | None = None
    owner: str | None = None
    owner_told: bool = False
    owner_has_it: bool = False
    route: Route | None = None
    thread: AwareDatetime | None = None
    closed: bool = False
    heard: AwareDatetime | None = None
    lead: Lead = Lead()
    meetings: tuple[Meeting, ...] = ()
    disqualified: bool = False
    manager_told: bool = False
