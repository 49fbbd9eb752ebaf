"""A customer leaves: which deal it is, the interview, access and what is looked at, as people outside see it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from casework.sandbox import product
from flows.offboarding_forms import Access, Meant, Overdue, Vault, Wished, Word
from policies.offboarding import NUMBERS
from tests.scenarios.departures import ADMIN, ANSWERS, CUSTOMER, LAST_DAY, NEAR, REP, TEAM, Bureau
from tests.scenarios.endings import assert_closed

LEAD, OPERATOR = "staff-51", "staff-41"
LEFT = ("Offboarding", NEAR)


def finish(bureau: Bureau, ending: str = "offboarded: held") -> None:
    """The vault is put in order, and that is the end."""
    run = bureau.run("offboarding")
    assert bureau.waiting(run) == ["housekeeping/1"]
    bureau.reply_to(run, decision=Vault.DONE.value)
    assert_closed(bureau, run, ending)


def question(bureau: Bureau) -> str:
    """What the open question of the newest offboarding says."""
    pause = bureau.run("offboarding").pause
    return pause.question if pause is not None else ""


def test_a_customer_leaves(bureau: Bureau) -> None:
    """Status, last day, interview, no data, deactivation on the last day, a look, the contract's end, the vault."""
    run = bureau.leave()
    assert bureau.fields() == ("Offboarding", "2026-05-31")
    assert bureau.waiting(run) == ["last-day/1"]
    assert "2026-05-31" in question(bureau)
    bureau.reply_to(run, day=LAST_DAY)
    assert bureau.kinds(run) == ["invitation", "data-offer"]
    assert all(NUMBERS.interview_form in one or "20 March 2026" in one for one in bureau.written())
    assert bureau.tasks() == ["NOT_STARTED"]
    bureau.say(run, Word.DATA_NOT_WANTED)
    bureau.say(run, Word.HELD, answers=ANSWERS)
    assert bureau.tasks() == ["COMPLETED"]
    assert [ANSWERS in one for one in bureau.notes()].count(True) == 1
    bureau.advance(days=18.2)
    assert bureau.asana() == []
    bureau.advance(hours=3)
    assert bureau.asana() == [(f"Deactivate team {TEAM} (deal {bureau.deal})", False)]
    assert bureau.fields()[1] == "2026-05-31"
    bureau.deactivate()
    assert bureau.fields() == ("Offboarding", LAST_DAY)
    assert "Your last day" not in bureau.written()[-1]
    assert "20 March 2026" in bureau.written()[-1]
    finish(bureau)
    assert bureau.kinds(run) == ["invitation", "data-offer", "offboarded"]
    assert bureau.ticket(bureau.letters())["status"] == "solved"
    assert run.standing is not None
    assert run.standing.name.endswith(TEAM)


def test_reminded_and_silent(bureau: Bureau) -> None:
    """Reminders on day 3 and 7; on day 14 there was no answer, and silence about the data is a question, not a no."""
    run = bureau.leaving()
    for days, reminders in ((2.9, 0), (0.2, 1), (3.8, 1), (0.2, 2), (6.8, 2)):
        bureau.advance(days=days)
        assert bureau.kinds(run).count("interview-reminder") == reminders
        assert bureau.kinds(run).count("data-reminder") == reminders
    bureau.advance(days=0.2)
    assert bureau.waiting(run) == ["data-silence/1"]
    assert bureau.tasks() == ["COMPLETED"]
    bureau.reply_to(run, decision=Wished.ASK_AGAIN.value)
    assert bureau.kinds(run).count("data-reminder") == 3
    bureau.advance(days=14.1)
    assert bureau.kinds(run).count("data-reminder") == 5
    bureau.reply_to(run, decision=Wished.NO.value)
    bureau.deactivate()
    finish(bureau, "offboarded: no_answer")


def test_declined_after_all_else(bureau: Bureau) -> None:
    """The interview holds up nothing but the end of the case."""
    run = bureau.leaving(NEAR)
    bureau.say(run, Word.DATA_NOT_WANTED)
    bureau.advance(days=2.5)
    bureau.deactivate()
    bureau.reply_to(run, decision=Vault.NO_ENTRY.value)
    assert bureau.fields() == LEFT
    assert bureau.waiting(run)[0].startswith("customer/")
    bureau.say(run, Word.DECLINED)
    assert_closed(bureau, run, "offboarded: declined")


def test_what_the_customer_writes_is_read(bureau: Bureau) -> None:
    """A reply is put to the representative, who is reminded, then to operators; until it is read no time passes by."""
    run = bureau.leaving()
    bureau.write("Call me, Ingrid!")
    assert bureau.waiting(run) == ["customer/2"]
    assert "has written" in question(bureau)
    bureau.advance(days=6)
    assert any("still waits for you" in one for one in bureau.slack(REP))
    assert any("customer" in one for one in bureau.slack(OPERATOR))
    bureau.advance(days=14)
    assert bureau.tasks() == ["NOT_STARTED"]
    bureau.say(run, Word.NOTHING)
    assert bureau.waiting(run) == ["data-silence/1"]


def test_written_twice(bureau: Bureau) -> None:
    """What is written while a reply is read comes up too; nothing is told twice of the same comment."""
    run = bureau.leaving()
    bureau.write()
    bureau.write("And one more")
    assert bureau.waiting(run) == ["customer/3"]
    bureau.say(run, Word.NOTHING)
    assert "has written" not in question(bureau)
    bureau.advance(days=1)
    assert bureau.waiting(run) == ["customer/4"]


def test_the_interview_needs_a_place(bureau: Bureau) -> None:
    """Held without saying where the answers are does not count."""
    run = bureau.leaving()
    bureau.answer(run, REP, said=Word.HELD.value)
    assert bureau.waiting(run) == ["customer/1"]
    assert bureau.tasks() == ["NOT_STARTED"]


# -- which deal, and who


def test_several_active_deals(bureau: Bureau) -> None:
    """The representative names one; what is no deal of the customer is asked again."""
    first, second = bureau.deals("company-2")
    run = bureau.leave(first)
    assert bureau.waiting(run) == ["which-deal/1"]
    assert first in question(bureau)
    assert second in question(bureau)
    assert bureau.fields(first)[0] == "Offboarding Requested"
    bureau.reply_to(run, "staff-13", decision=Meant.NAMED.value, deal=bureau.deal)
    assert bureau.waiting(run) == ["which-deal/2"]
    bureau.reply_to(run, "staff-13", decision=Meant.NAMED.value, deal=second)
    assert bureau.fields(second)[0] == "Offboarding"
    assert bureau.fields(first)[0] == "Offboarding Requested"
    assert bureau.waiting(run) == ["last-day/1"]


@pytest.mark.parametrize("company", ["company-2", "company-3"])
def test_a_mistake(bureau: Bureau, company: str) -> None:
    """Several active deals, or none: nothing is done when it was a mistake."""
    deal = bureau.deals(company)[0]
    run = bureau.leave(deal)
    before = bureau.fields(deal)
    bureau.reply_to(run, {"company-2": "staff-13", "company-3": "staff-12"}[company], decision=Meant.MISTAKE.value)
    assert_closed(bureau, run, "cancelled")
    assert bureau.fields(deal) == before
    assert bureau.kinds(run) == []


def test_nobody_represents_us(bureau: Bureau) -> None:
    """Without an owner of the company the operators are asked, and nobody gets a task to call."""
    bureau.company(CUSTOMER)["hubspot_owner_id"] = None
    run = bureau.leave()
    bureau.reply_to(run, OPERATOR, day=LAST_DAY)
    assert bureau.tasks() == []
    bureau.say(run, Word.DECLINED, OPERATOR)


def test_an_owner_who_is_no_colleague(bureau: Bureau) -> None:
    """An owner whom the product's database does not know has the task, and the operators have the questions."""
    bureau.product_says("UPDATE staff SET email = 'away@elsewhere.example' WHERE id = ?", REP)
    run = bureau.leave()
    bureau.reply_to(run, OPERATOR, day=LAST_DAY)
    assert bureau.tasks() == ["NOT_STARTED"]


def test_the_representative_changes(bureau: Bureau) -> None:
    """Who owns the company now is asked now."""
    run = bureau.leave()
    bureau.company(CUSTOMER)["hubspot_owner_id"] = bureau.world.state["roster"]["staff"]["staff-12"]["hubspot_owner"]
    bureau.reply_to(run, day=LAST_DAY)
    bureau.say(run, Word.DECLINED, "staff-12")
    assert any("customer" in one for one in bureau.slack("staff-12"))


@pytest.mark.parametrize("domain", [None, "nobody.example", "twinpeaks-2aa4.example"])
def test_a_company_that_leads_to_no_team(bureau: Bureau, domain: str | None) -> None:
    """No domain, an unknown one, one of several teams: the operators correct it in HubSpot and retry; no guess."""
    right = bureau.company(CUSTOMER)["domain"]
    bureau.company(CUSTOMER)["domain"] = domain
    run = bureau.leave()
    assert bureau.waiting(run) == ["fault>offboarding.customer/1/1"]
    assert bureau.fields()[0] == "Offboarding Requested"
    bureau.company(CUSTOMER)["domain"] = right
    bureau.reply_to(run, OPERATOR, verdict="retry")
    assert bureau.waiting(run) == ["last-day/1"]


def test_a_team_without_an_admin(bureau: Bureau) -> None:
    """Nobody to write to: the operators name an admin in the product and retry."""
    bureau.product_says("UPDATE users SET active = 0 WHERE id = ?", ADMIN)
    run = bureau.leave()
    bureau.product_says("UPDATE memberships SET admin = 1 WHERE team_id = ?", TEAM)
    bureau.reply_to(run, OPERATOR, verdict="retry")
    bureau.reply_to(run, day=LAST_DAY)
    requester = bureau.ticket(bureau.letters())["requester_id"]
    assert requester == bureau.world.state["roster"]["users"]["user-84"]["zendesk_id"]


def test_a_deal_without_its_company(bureau: Bureau) -> None:
    """A deal that is with nobody is put to the operators."""
    bureau.world.state["hubspot"]["associations"].pop(f"deals/{bureau.deal}/companies")
    run = bureau.leave()
    assert bureau.waiting(run) == ["fault>offboarding.company_of/1/1"]


def test_unknown_to_zendesk(bureau: Bureau) -> None:
    """An admin who never wrote to support is made known there, without their name; the letters reach them."""
    number = str(bureau.world.state["roster"]["users"][ADMIN]["zendesk_id"])
    address = bureau.world.state["zendesk"]["users"].pop(number)["email"]
    bureau.leaving()
    made = bureau.world.state["zendesk"]["users"][str(bureau.ticket(bureau.letters())["requester_id"])]
    assert (made["email"], made["name"], made["role"]) == (address, f"User {ADMIN}", "end-user")


def test_a_closed_ticket(bureau: Bureau) -> None:
    """What can be written no more on a ticket that support has closed, is written on a new one."""
    run = bureau.ordered()
    first = bureau.letters()
    bureau.people.agent.close(first)
    bureau.deactivate()
    assert bureau.letters() != first
    assert len(bureau.written()) == 3
    finish(bureau)
    assert bureau.kinds(run)[-1] == "offboarded"


# -- access


def test_not_gone(bureau: Bureau) -> None:
    """Engineering's word is looked after: back with what was seen, the second time its lead hears of it."""
    run = bureau.ordered()
    bureau.complete()
    assert bureau.asana()[-1][1] is False
    assert "Active users: 2; live sessions: 2" in bureau.comments()[-1]
    bureau.product_says("UPDATE users SET active = 0")
    assert not any("still has access" in one for one in bureau.slack(LEAD))
    bureau.complete()
    assert "Active users: 0; live sessions: 2" in bureau.comments()[-1]
    assert len([one for one in bureau.slack(LEAD) if "completed 2 times" in one]) == 1
    assert bureau.fields()[1] == "2026-05-31"
    bureau.deactivate()
    assert bureau.fields() == LEFT
    assert "offboarded" in bureau.kinds(run)
    finish(bureau)


@pytest.mark.parametrize("gone", [True, False])
def test_the_database_cannot_be_asked(bureau: Bureau, gone: bool) -> None:
    """A product that does not say who is signed in: the representative tries to get in."""
    run = bureau.ordered()
    bureau.product_says("UPDATE users SET active = 0")
    bureau.product_says("DROP TABLE sessions")
    bureau.complete()
    assert bureau.waiting(run) == ["access-by-hand/1"]
    bureau.reply_to(run, decision=(Access.GONE if gone else Access.NOT_GONE).value)
    if gone:
        finish(bureau)
    else:
        assert "live sessions: unknown" in bureau.comments()[-1]
        assert bureau.asana()[-1][1] is False


def test_engineering_takes_long(bureau: Bureau) -> None:
    """A reminder on the task, then the lead, then the operators, who wait on or learn that it is done; that is looked
    at."""
    run = bureau.ordered()
    bureau.advance(days=1.5)
    assert "still has access" in bureau.comments()[-1]
    assert not any("is not done" in one for one in bureau.slack(LEAD))
    bureau.advance(days=3.5)
    assert any("is not done" in one for one in bureau.slack(LEAD))
    bureau.advance(days=4)
    assert bureau.waiting(run) == ["engineering-overdue/1"]
    bureau.reply_to(run, OPERATOR, decision=Overdue.WAIT_ON.value)
    bureau.advance(days=11)
    assert bureau.waiting(run) == ["engineering-overdue/2"]
    product.deactivate(bureau.product, TEAM, "2026-03-20")
    bureau.reply_to(run, OPERATOR, decision=Overdue.DONE.value)
    finish(bureau)


def test_engineering_is_done_while_operators_are_asked(bureau: Bureau) -> None:
    """Completing the task settles what was put to the operators."""
    run = bureau.ordered()
    bureau.advance(days=8)
    assert bureau.waiting(run) == ["engineering-overdue/1"]
    bureau.deactivate()
    finish(bureau)


def test_nothing_of_the_customer_is_kept(bureau: Bureau) -> None:
    """Neither names nor addresses nor words are in the case file or on its page, nor where the answers are."""
    run = bureau.leaving(NEAR)
    bureau.write("Yours, Cornelius of Pebblewick")
    bureau.say(run, Word.DATA_NOT_WANTED)
    bureau.say(run, Word.HELD, answers=ANSWERS)
    bureau.advance(days=2.5)
    bureau.deactivate()
    finish(bureau)
    assert run.standing is not None
    kept = f"{bureau.entries(run)} {run.standing.name} {run.standing.tags} {run.standing.story} {run.tasks}".lower()
    assert "offboarding.invite" in kept
    assert [text for text in (ANSWERS, "wexcombe", *bureau.world.planted) if text.lower() in kept] == []


def test_started_late(bureau: Bureau) -> None:
    """A last day that is over already: engineering gets its task as soon as the data is settled."""
    run = bureau.leave()
    yesterday = (bureau.engine.now() - timedelta(days=1)).date().isoformat()
    bureau.reply_to(run, day=yesterday)
    bureau.say(run, Word.DATA_NOT_WANTED)
    assert len(bureau.asana()) == 1
