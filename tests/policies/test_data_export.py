"""The data export's table, row by row, and what must hold whatever the facts are."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.data_export import (
    NUMBERS,
    Approval,
    Ask,
    AskOperators,
    Decision,
    Entity,
    Facts,
    Missing,
    NamedBy,
    NotVerified,
    PointToSelfServe,
    Proceed,
    RefusalReason,
    Refuse,
    Requester,
    Team,
    TeamStatus,
    Tier,
    after_operators,
    allowed_entities,
    decide,
    domain_matches,
    needs_approval,
    who_is_told,
)
from policies.messages import DATA_EXPORT

TODAY = date(2026, 6, 1)
ADMIN = Requester(teams=1, team_id="team-104", is_admin=True, domain_matches=True)


def team(**changes: Any) -> Team:
    facts: dict[str, Any] = {
        "id": "team-104",
        "tier": Tier.MID_MARKET,
        "agency": False,
        "status": TeamStatus.ACTIVE,
        "contract_end": None,
        "candidates": 5000,
        "projects": 0,
        "sequences": 0,
        "csm_id": "staff-17",
    }
    return Team.model_validate({**facts, **changes})


def decided(requester: Requester = ADMIN, ask: Ask | None = None, **changes: Any) -> Decision:
    return decide(Facts(requester=requester, team=team(**changes), ask=ask or Ask()), TODAY)


def kind(decision: Decision) -> str:
    match decision:
        case Refuse(reason=reason):
            return f"refuse {reason}"
        case NotVerified(missing=missing):
            return "missing " + " ".join(missing)
        case PointToSelfServe():
            return "self-serve"
        case AskOperators():
            return "operators"
        case Proceed():
            return "proceed"


def ended(days_ago: int) -> dict[str, Any]:
    return {"status": TeamStatus.CHURNED, "contract_end": TODAY - timedelta(days=days_ago)}


# --- the table --------------------------------------------------------------------------------------------


def expected(tier: Tier, agency: bool, admin: bool, domain: bool, state: str, candidates: int) -> str:
    """The process's table, written a second time as plainly as it can be."""
    if tier == "ffs":
        return "refuse ffs"
    if agency:
        return "refuse agency"
    if not admin and not domain:
        return "missing admin domain"
    if not admin:
        return "missing admin"
    if not domain:
        return "missing domain"
    if state == "active" and candidates <= 2000:
        return "self-serve"
    if state in ("91 days", "end unknown"):
        return "operators"
    return "proceed"


STATES: dict[str, dict[str, Any]] = {
    "active": {},
    "0 days": ended(0),
    "90 days": ended(90),
    "91 days": ended(91),
    "ends tomorrow": ended(-1),
    "end unknown": {"status": TeamStatus.CHURNED, "contract_end": None},
}


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("state", STATES)
def test_every_row(tier: Tier, state: str) -> None:
    """Each tier × agency × admin × domain × churn × count is decided as the table says, first row first."""
    for agency, admin, domain, candidates in product(
        [False, True], [False, True], [False, True], [0, 2000, 2001, 10**6]
    ):
        requester = Requester(teams=1, team_id="team-104", is_admin=admin, domain_matches=domain)
        decision = decided(requester, tier=tier, agency=agency, candidates=candidates, **STATES[state])
        assert kind(decision) == expected(tier, agency, admin, domain, state, candidates)


@pytest.mark.parametrize(
    ("changes", "ask", "result"),
    [
        ({"candidates": 2000}, Ask(), "self-serve"),
        ({"candidates": 2001}, Ask(), "proceed"),
        ({"candidates": 5, "projects": 1}, Ask(), "proceed"),
        ({"candidates": 5, "sequences": 1}, Ask(), "proceed"),
        (
            {"candidates": 5, "projects": 1, "sequences": 1},
            Ask(entities=frozenset({Entity.CANDIDATES})),
            "self-serve",
        ),
        ({"candidates": 5, "projects": 1}, Ask(entities=frozenset({Entity.SEQUENCES})), "self-serve"),
        ({"candidates": 5}, Ask(moving_teams=True), "proceed"),
        ({"candidates": 5, **ended(3)}, Ask(), "proceed"),
        ({"candidates": 5, "projects": 1, **ended(91)}, Ask(moving_teams=True), "operators"),
        ({"candidates": 5000, "contract_end": TODAY - timedelta(days=400)}, Ask(), "proceed"),
    ],
)
def test_what_qualifies(changes: dict[str, Any], ask: Ask, result: str) -> None:
    """Many candidates, wanted projects or sequences, a move, or leaving qualifies; nothing else does."""
    assert kind(decided(ask=ask, **changes)) == result


def test_no_team_and_several_teams_are_not_verified() -> None:
    """Without a team, or with several and none named, what is missing is the team; nothing is guessed."""
    nobody = decide(Facts(requester=Requester(teams=0), team=None), TODAY)
    several = decide(Facts(requester=Requester(teams=2), team=None), TODAY)
    assert isinstance(nobody, NotVerified)
    assert nobody.missing == (Missing.TEAM,)
    assert isinstance(several, NotVerified)
    assert several.missing == (Missing.WHICH_TEAM,)


@pytest.mark.parametrize("by", NamedBy)
def test_a_named_team_is_verified_like_any_other(by: NamedBy) -> None:
    """Naming the team answers which, and nothing more: admin and domain are still asked for."""
    named = Requester(teams=2, team_id="team-104", team_named_by=by)
    assert kind(decided(named)) == "missing admin domain"
    assert kind(decided(named.model_copy(update={"is_admin": True, "domain_matches": True}))) == "proceed"


@pytest.mark.parametrize(
    ("requester", "told"),
    [
        ({"teams": 2, "team_id": "team-104"}, "do not guess"),
        ({"teams": 1}, "give its team_id"),
        ({"teams": 0, "team_id": "team-104"}, "no team can be meant"),
        ({"teams": 2, "is_admin": True}, "are about a team"),
        ({"teams": 2, "domain_matches": True}, "are about a team"),
        ({"teams": 2, "team_named_by": "customer"}, "are about a team"),
        ({"teams": -1}, "teams"),
        ({"teams": 0, "address": "someone@else.example"}, "address"),
    ],
)
def test_guesses_cannot_be_written_down(requester: dict[str, Any], told: str) -> None:
    """Facts that pick one of several teams without saying who did, or contradict themselves, do not exist."""
    with pytest.raises(ValidationError, match=told):
        Requester.model_validate(requester)


def test_facts_are_of_one_team() -> None:
    """Facts that mix one team's requester with another team's data do not exist."""
    with pytest.raises(ValidationError, match="team-104"):
        Facts(requester=ADMIN, team=team(id="team-105"))
    with pytest.raises(ValidationError, match="team-104"):
        Facts(requester=ADMIN, team=None)
    with pytest.raises(ValidationError, match="None"):
        Facts(requester=Requester(teams=2), team=team())


# --- what always holds ------------------------------------------------------------------------------------

teams = st.builds(
    team,
    tier=st.sampled_from(Tier),
    agency=st.booleans(),
    status=st.sampled_from(TeamStatus),
    contract_end=st.none() | st.dates(TODAY - timedelta(days=400), TODAY + timedelta(days=400)),
    candidates=st.integers(0, 5000),
    projects=st.integers(0, 2),
    sequences=st.integers(0, 2),
    csm_id=st.none() | st.just("staff-17"),
)
asks = st.builds(Ask, moving_teams=st.booleans(), entities=st.frozensets(st.sampled_from(Entity), min_size=1))
requesters = st.builds(
    Requester,
    teams=st.just(1),
    team_id=st.just("team-104"),
    is_admin=st.booleans(),
    domain_matches=st.booleans(),
)
facts = st.builds(Facts, requester=requesters, team=teams, ask=asks)
unverified = facts.filter(lambda it: not (it.requester.is_admin and it.requester.domain_matches))


@given(facts)
def test_ffs_is_always_refused(it: Facts) -> None:
    """Whatever else is true, an FFS team gets no export."""
    assert it.team
    ffs = it.model_copy(update={"team": it.team.model_copy(update={"tier": Tier.FFS})})
    assert kind(decide(ffs, TODAY)) == "refuse ffs"


@given(facts)
def test_an_agency_never_passes(it: Facts) -> None:
    """An agency is refused for that reason, or before it for being FFS; nothing leads it to a question."""
    assert it.team
    agency = it.model_copy(update={"team": it.team.model_copy(update={"agency": True})})
    assert kind(decide(agency, TODAY)) in ("refuse agency", "refuse ffs")


@given(unverified)
def test_the_unverified_never_proceed(it: Facts) -> None:
    """Without an admin in the team's domain there is only a refusal or the wait for verification."""
    assert isinstance(decide(it, TODAY), Refuse | NotVerified)


@given(unverified, st.sampled_from([True, False, None]))
def test_no_operator_waves_verification_through(it: Facts, answer: bool | None) -> None:
    """The operators' answer has no meaning for a request that is not verified."""
    decision = decide(it, TODAY)
    assume(isinstance(decision, NotVerified))
    with pytest.raises(AssertionError):
        after_operators(decision, answer)  # type: ignore[arg-type]  # wrong on purpose


@given(facts, st.integers(0, 10**6))
def test_more_candidates_never_lead_to_self_serve(it: Facts, more: int) -> None:
    """A request that is not pointed to the self-serve export is not pointed there for having more."""
    assert it.team
    larger = it.team.model_copy(update={"candidates": it.team.candidates + more})
    if isinstance(decide(it.model_copy(update={"team": larger}), TODAY), PointToSelfServe):
        assert isinstance(decide(it, TODAY), PointToSelfServe)


@given(facts, st.integers(0, 500))
def test_waiting_never_opens_a_door(it: Facts, days: int) -> None:
    """What operators must decide today does not pass without them later."""
    if isinstance(decide(it, TODAY), AskOperators):
        assert isinstance(decide(it, TODAY + timedelta(days=days)), AskOperators)


@given(facts)
def test_every_decision_speaks(it: Facts) -> None:
    """Each decision says why in a sentence and names only messages and questions that exist."""
    decision = decide(it, TODAY)
    assert decision.why.endswith(".")
    named = [getattr(decision, field.name) for field in fields(decision) if field.name in ("message", "question")]
    if isinstance(decision, AskOperators):
        named.append(decision.default.message)
    assert set(named) <= set(DATA_EXPORT)


# --- what operators answer --------------------------------------------------------------------------------


def test_the_operators_answer() -> None:
    """Yes goes on; no, silence and anything that is not plainly yes is the default."""
    churned = decided(**ended(91))
    small = decided(candidates=5)
    assert isinstance(churned, AskOperators)
    assert isinstance(small, PointToSelfServe)
    assert churned.within_working_days == NUMBERS.churn_decision_working_days == 5
    assert kind(after_operators(churned, True)) == kind(after_operators(small, True)) == "proceed"
    for answer in (False, None, "yes", 1):
        assert kind(after_operators(churned, answer)) == "refuse churned"  # type: ignore[arg-type]  # wrong on purpose
        assert kind(after_operators(small, answer)) == "refuse self-serve"  # type: ignore[arg-type]  # wrong on purpose


def test_the_numbers_decide() -> None:
    """The limits are the manager's: other numbers, other decisions."""
    numbers = NUMBERS.model_copy(update={"self_serve_candidate_limit": 10, "churn_grace_days": 5})
    small = Facts(requester=ADMIN, team=team(candidates=11))
    assert kind(decide(small, TODAY, numbers)) == "proceed"
    assert kind(decide(Facts(requester=ADMIN, team=team(**ended(5))), TODAY, numbers)) == "proceed"
    assert kind(decide(Facts(requester=ADMIN, team=team(**ended(6))), TODAY, numbers)) == "operators"


# --- who is told, who agrees ------------------------------------------------------------------------------

APPROVAL_REQUIRED = NUMBERS.model_copy(update={"scaled": NUMBERS.scaled.model_copy(update={"approval_required": True})})


@pytest.mark.parametrize("tier", [Tier.MID_MARKET, Tier.ENTERPRISE])
def test_the_csm_is_told_and_must_agree(tier: Tier) -> None:
    """Mid-market and enterprise: the CSM by Slack, as CC and follower, and nothing goes on without them."""
    telling, approval = who_is_told(team(tier=tier)), needs_approval(team(tier=tier))
    assert (telling.role, telling.staff_id) == ("csm", "staff-17")
    assert telling.slack
    assert telling.email_cc
    assert telling.follower
    assert approval
    assert (approval.role, approval.staff_id, approval.escalate_to) == ("csm", "staff-17", "csm-manager")
    assert approval.verified_identity
    assert approval.four_eyes
    spans = (approval.reminder_working_days, approval.escalation_working_days, approval.final_working_days)
    assert spans == (1, 2, 10)


@pytest.mark.parametrize("tier", [Tier.MID_MARKET, Tier.ENTERPRISE])
def test_the_operators_stand_in_for_a_missing_csm(tier: Tier) -> None:
    """An account without a CSM is not an account without approval; why is said."""
    telling, approval = (
        who_is_told(team(tier=tier, csm_id=None)),
        needs_approval(team(tier=tier, csm_id=None)),
    )
    assert approval
    assert (telling.role, telling.staff_id) == (approval.role, approval.staff_id) == ("operators", None)
    assert approval.escalate_to == "operators"
    assert "no CSM" in telling.why
    assert "no CSM" in approval.why
    assert approval.four_eyes
    assert approval.verified_identity


def test_the_scaled_tier() -> None:
    """Scaled: the approver follows the ticket; they must agree only when a manager turned that on."""
    scaled = team(tier=Tier.SCALED)
    telling = who_is_told(scaled)
    assert (telling.role, telling.follower, telling.slack, telling.email_cc) == (
        "scaled-approver",
        True,
        False,
        False,
    )
    assert telling.staff_id is None  # the account's CSM, if any, is not who follows
    assert needs_approval(scaled) is None
    approval = needs_approval(scaled, APPROVAL_REQUIRED)
    assert approval
    assert (approval.role, approval.escalate_to) == ("scaled-approver", "scaled-approver-manager")
    assert approval.verified_identity


@given(teams)
def test_above_scaled_somebody_always_agrees(it: Team) -> None:
    """There is no mid-market or enterprise team whose export nobody has to agree to."""
    assume(it.tier in (Tier.MID_MARKET, Tier.ENTERPRISE))
    assert isinstance(needs_approval(it), Approval)


def test_ffs_has_nobody_to_tell() -> None:
    """Asking who is told of an FFS export is a mistake of the caller, and is told with the team."""
    for ask in (who_is_told, needs_approval):
        with pytest.raises(ValueError, match="team-104 is FFS"):
            ask(team(tier=Tier.FFS))


# --- the small rules --------------------------------------------------------------------------------------


def test_only_what_was_asked_for_is_allowed() -> None:
    """A deliverable may hold exactly what the customer asked for; by default everything."""
    assert allowed_entities(Ask(entities=frozenset({Entity.PROJECTS}))) == {"projects"}
    assert allowed_entities(Ask()) == {"candidates", "projects", "sequences"}
    with pytest.raises(ValidationError):
        Ask(entities=frozenset())


@pytest.mark.parametrize(
    ("domain", "matches"),
    [
        ("northwind.example", True),
        ("NorthWind.EXAMPLE", True),
        ("xn--nrthwind-n4a.example", True),
        ("mail.northwind.example", False),
        ("example", False),
        ("northwind.example.evil.example", False),
        ("evil-northwind.example", False),
        ("northwind.example.", False),
        (" northwind.example", False),
        ("northwind.example\n", False),
        ("nörthwind.example", False),
        ("n\u043erthwind.example", False),  # a Cyrillic o
        ("\u212anorthwind.example", False),
        ("wor\u212a.example", False),  # the Kelvin sign, which lower() turns into a k
        ("%", False),
        ("north_ind.example", False),
        ("", False),
    ],
)
def test_domains_match_exactly(domain: str, matches: bool) -> None:
    """Only the team's own domains match, in any ASCII case: no sub-domain, no parent, no look-alike."""
    own = ["Northwind.example", "xn--nrthwind-n4a.example", "nörthwind.example", "work.example", ""]
    assert domain_matches(domain, own) is matches


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=3))
def test_a_match_is_equality_of_ascii(domain: str, own: list[str]) -> None:
    """Nothing but an ASCII domain that equals one of the team's, case aside, ever matches."""
    if domain_matches(domain, own):
        assert domain.isascii()
        assert domain.lower() in [one.lower() for one in own if one.isascii()]
    if domain and domain.isascii():
        assert domain_matches(domain.upper(), [*own, domain.lower()])


def test_reasons_have_messages() -> None:
    """Every reason to refuse has a message for the customer."""
    for reason in RefusalReason:
        name = "self-serve" if reason is RefusalReason.SELF_SERVE else f"refused-{reason}"
        assert DATA_EXPORT[name].audience == "customer"
