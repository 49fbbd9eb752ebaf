"""The data export: who gets all data of a team, who is asked, and why.

Facts in, decision out. The source is the organisation's policy page "Data exports"; the rows of its table are
evaluated strictly in order, and the first that applies decides:

1. FFS teams get no exports.
2. Agencies do not get a client contract's data, without exception.
3. Only a verified team admin with an address in the team's own domain may ask. Nobody can wave this through.
4. What the self-serve export covers is not done by hand, unless operators say so.
5. Long after the contract's end operators decide.

Decisions carry the name of the message or question to send, and `why` in words a customer could be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, assert_never

from policies.data_export_facts import (
    Ask,
    Entity,
    Facts,
    NamedBy,
    Requester,
    Team,
    TeamStatus,
    Tier,
    domain_matches,
)
from policies.data_export_numbers import NUMBERS, DataExportNumbers

__all__ = [
    "NUMBERS",
    "Approval",
    "Ask",
    "AskOperators",
    "Decision",
    "Ending",
    "Entity",
    "Facts",
    "Missing",
    "NamedBy",
    "NotVerified",
    "PointToSelfServe",
    "Proceed",
    "RefusalReason",
    "Refuse",
    "Requester",
    "Team",
    "TeamStatus",
    "Telling",
    "Tier",
    "after_operators",
    "after_verification",
    "allowed_entities",
    "decide",
    "domain_matches",
    "needs_approval",
    "who_is_told",
    "wording",
]


class Missing(StrEnum):
    """What verification lacks."""

    TEAM = "team"
    WHICH_TEAM = "which-team"
    ADMIN = "admin"
    DOMAIN = "domain"


class RefusalReason(StrEnum):
    FFS = "ffs"
    AGENCY = "agency"
    SELF_SERVE = "self-serve"
    CHURNED = "churned"


class Ending(StrEnum):
    """How a case ends. A refusal has a RefusalReason beside it, a denial who denied."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    UNVERIFIED = "unverified"
    WITHDRAWN = "withdrawn"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send `message`, solve the ticket, end as refused."""

    reason: RefusalReason
    message: str
    why: str


@dataclass(frozen=True, slots=True)
class NotVerified:
    """Send `message` with what is missing, wait for the customer, look again. No operator can skip this."""

    missing: tuple[Missing, ...]
    why: str
    message: str = "not-verified"


@dataclass(frozen=True, slots=True)
class PointToSelfServe:
    """Send `message`; operators may answer `question` to go on, with a recorded reason."""

    within_working_days: int
    why: str
    message: str = "self-serve"
    question: str = "question-self-serve"


@dataclass(frozen=True, slots=True)
class AskOperators:
    """Ask `question`; without an answer in time, `default` holds."""

    question: str
    default: Refuse
    within_working_days: int
    why: str


@dataclass(frozen=True, slots=True)
class Proceed:
    """Go on with the export."""

    why: str


Decision = Refuse | NotVerified | PointToSelfServe | AskOperators | Proceed


@dataclass(frozen=True, slots=True)
class Telling:
    """Who learns of the request: `staff_id` when a person is known, else who has `role`."""

    role: str
    staff_id: str | None
    slack: bool
    email_cc: bool
    follower: bool
    why: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Who must agree: `staff_id` when a person is known, else one who has `role`.

    The working days count from the request; at the last the question goes to the operators.
    """

    role: str
    staff_id: str | None
    escalate_to: str
    verified_identity: bool
    four_eyes: bool
    reminder_working_days: int
    escalation_working_days: int
    final_working_days: int
    why: str


def decide(facts: Facts, today: date, numbers: DataExportNumbers = NUMBERS) -> Decision:
    """Rows 1 to 5, in order. `today` is the date in the business zone."""
    team = facts.team
    if team is not None and team.tier is Tier.FFS:
        return Refuse(RefusalReason.FFS, "refused-ffs", "Data exports are not part of the FFS plan.")
    if team is not None and team.agency:
        return Refuse(
            RefusalReason.AGENCY,
            "refused-agency",
            "An agency does not receive a client contract's data; there is no exception.",
        )
    missing = _missing(facts.requester)
    if team is None or missing:
        return NotVerified(missing, " ".join(_MISSING_WHY[one] for one in missing))
    return after_verification(team, facts.ask, today, numbers)


def after_verification(
    team: Team, ask: Ask, today: date, numbers: DataExportNumbers = NUMBERS
) -> PointToSelfServe | AskOperators | Proceed:
    """Rows 4 and 5, for a request that rows 1 to 3 let through; use `decide` unless that is certain."""
    why = _qualification(team, ask, numbers)
    if why is None:
        return PointToSelfServe(
            numbers.self_serve_decision_working_days,
            f"The team has at most {numbers.self_serve_candidate_limit:,} candidates and needs no projects "
            "or sequences, so its admins can export everything themselves.",
        )
    if team.status is TeamStatus.ACTIVE:
        return Proceed(why)
    grace = numbers.churn_grace_days
    if team.contract_end is None:
        late = "The team has left, and the end of its contract is not known."
    elif (today - team.contract_end).days > grace:
        late = f"The contract ended more than {grace} days ago."
    else:
        return Proceed(f"The team has left, and its contract ended at most {grace} days ago.")
    refusal = Refuse(RefusalReason.CHURNED, "refused-churned", late)
    return AskOperators("question-churned", refusal, numbers.churn_decision_working_days, late)


def after_operators(asked: PointToSelfServe | AskOperators, go_on: bool | None) -> Refuse | Proceed:
    """What the operators' answer means; None is a passed deadline and never goes on.

    Going on needs their reason recorded in the case file, which is the question's part. A refusal to
    self-serve repeats the message that `PointToSelfServe` had sent: it is sent once.
    """
    match asked:
        case AskOperators():
            refusal = asked.default
        case PointToSelfServe():
            refusal = Refuse(RefusalReason.SELF_SERVE, asked.message, asked.why)
        case _:
            assert_never(asked)
    if go_on is not True:
        return refusal
    return Proceed(f"{asked.why} The operators decided to go on; their reason is recorded.")


def who_is_told(team: Team, numbers: DataExportNumbers = NUMBERS) -> Telling:
    """Who is told of a verified request. Raises ValueError for FFS, whose requests are refused."""
    roles = numbers.roles
    match team.tier:
        case Tier.FFS:
            raise _no_ffs(team)
        case Tier.SCALED:
            return Telling(
                roles.scaled_approver,
                None,
                slack=False,
                email_cc=False,
                follower=True,
                why="The scaled-tier approver follows every export of the scaled tier.",
            )
        case Tier.MID_MARKET | Tier.ENTERPRISE:
            role, why = _csm_or_stand_in(team, numbers)
            return Telling(role, team.csm_id, slack=True, email_cc=True, follower=True, why=why)
        case _:
            assert_never(team.tier)


def needs_approval(team: Team, numbers: DataExportNumbers = NUMBERS) -> Approval | None:
    """Who must agree, or None when nobody further must. Raises ValueError for FFS, as `who_is_told`."""
    roles = numbers.roles
    match team.tier:
        case Tier.FFS:
            raise _no_ffs(team)
        case Tier.SCALED:
            if not numbers.scaled.approval_required:
                return None
            role, escalate_to = roles.scaled_approver, roles.scaled_approver_manager
            staff_id, why = None, "Exports of the scaled tier need the scaled-tier approver's agreement."
        case Tier.MID_MARKET | Tier.ENTERPRISE:
            role, why = _csm_or_stand_in(team, numbers)
            staff_id = team.csm_id
            escalate_to = roles.csm_manager if staff_id else roles.operators
        case _:
            assert_never(team.tier)
    return Approval(
        role,
        staff_id,
        escalate_to,
        verified_identity=True,
        four_eyes=True,
        reminder_working_days=numbers.approval_reminder_working_days,
        escalation_working_days=numbers.approval_escalation_working_days,
        final_working_days=numbers.approval_final_working_days,
        why=why,
    )


def allowed_entities(ask: Ask) -> frozenset[Entity]:
    """What a deliverable may hold: what was asked for, and nothing else."""
    return ask.entities


def wording(message: str, numbers: DataExportNumbers = NUMBERS) -> dict[str, Any]:
    """The numbers that a refusal's message quotes."""
    quoted: dict[str, dict[str, Any]] = {
        "refused-churned": {"days": numbers.churn_grace_days},
        "self-serve": {"limit": numbers.self_serve_candidate_limit},
    }
    return quoted.get(message, {})


_MISSING_WHY = {
    Missing.TEAM: "The address does not belong to a member of any team.",
    Missing.WHICH_TEAM: "The address could stand for several teams, and it is not said which is meant.",
    Missing.ADMIN: "Only an admin of the team can ask for all its data.",
    Missing.DOMAIN: "The address is not in one of the team's own domains.",
}


def _missing(requester: Requester) -> tuple[Missing, ...]:
    if requester.team_id is None:
        return (Missing.WHICH_TEAM if requester.teams else Missing.TEAM,)
    missing = []
    if not requester.is_admin:
        missing.append(Missing.ADMIN)
    if not requester.domain_matches:
        missing.append(Missing.DOMAIN)
    return tuple(missing)


def _qualification(team: Team, ask: Ask, numbers: DataExportNumbers) -> str | None:
    if team.candidates > numbers.self_serve_candidate_limit:
        limit = f"{numbers.self_serve_candidate_limit:,}"
        return f"The team has more candidates than a self-serve export covers ({limit})."
    if team.projects and Entity.PROJECTS in ask.entities:
        return "The team needs its projects, which a self-serve export does not hold."
    if team.sequences and Entity.SEQUENCES in ask.entities:
        return "The team needs its sequences, which a self-serve export does not hold."
    if ask.moving_teams:
        return "The data moves with its users to another team."
    if team.status is TeamStatus.CHURNED:
        return "The team has left and cannot export by itself any more."
    return None


def _csm_or_stand_in(team: Team, numbers: DataExportNumbers) -> tuple[str, str]:
    if team.csm_id is None:
        return numbers.roles.operators, "The account has no CSM, so the operators stand in."
    return numbers.roles.csm, "The account's CSM answers for its exports."


def _no_ffs(team: Team) -> ValueError:
    return ValueError(f"Team {team.id} is FFS: its export is refused, so nobody is told and nobody agrees")
