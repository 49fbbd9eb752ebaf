"""The offboarding: a customer leaves, is asked why, may have its data, loses its access, and its contract ends.

Source: the organisation's policy page "Customer policies", part "Offboarding Steps". After everything that happens the
facts are looked at and the policy says what comes next. Whatever was written into the deal is put back if the case is
called off, at any step; a customer who changes its mind gets it back too, and its access.
"""

from __future__ import annotations

from casework import clock
from casework.process import process, standing
from flows import offboarding_questions as questions
from flows import offboarding_steps as steps
from flows.offboarding_departure import Departure, choose_deal
from flows.offboarding_waits import await_news
from policies import offboarding as policy
from policies.offboarding import Ending, Facts
from tasks import hubspot
from tasks import offboarding as customers


@process("offboarding", subject="hubspot:deal:{deal}", watch=hubspot.gone)
def offboarding(deal: str) -> str:
    """Let the customer of a deal of HubSpot (its id, digits) leave: `offboarded: held`, `stayed`, or `cancelled`."""
    departure = begin(deal)
    if departure is None:
        return Ending.CANCELLED
    ending = None
    while ending is None:
        ending = go_on(departure)
    return ending


def begin(named: str) -> Departure | None:
    """Find the customer's current active deal and say on it that ours has begun; None when it was a mistake."""
    company = customers.company_of(named)
    deal = choose_deal(named, company)
    if deal is None:
        return None
    began = clock.now()
    customer = customers.customer(company)
    standing(customer.team)
    hubspot.begin(deal, "offboarding/note-started")
    return Departure(deal, company, customer, Facts(deal=hubspot.deal(deal)), began)


def go_on(departure: Departure) -> str | None:
    """Do what comes next; how the case ended, if it did."""
    decision = policy.decide(departure.facts(), clock.now())
    match decision:
        case policy.Write():
            departure.write(decision.changes)
        case policy.Do():
            steps.STEPS[decision.step](departure)
        case policy.Ask():
            questions.QUESTIONS[decision.question](departure)
        case policy.BackToEngineering():
            steps.back_to_engineering(departure, decision)
        case policy.Wait():
            await_news(departure, decision)
        case policy.End():
            return decision.ending
    return None
