"""The process is killed, or a vendor fails, anywhere on the way of a customer and a lead between support and sales;
outside everything is done once, and no conversation is closed before its new thread is there."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from casework.sandbox import aws, mailing
from casework.sandbox.http import Request, Response
from flows.sales_transfer_forms import Custody, LeadTake
from flows.sales_transfer_lead_forms import Knowledge
from flows.sales_transfer_mail_forms import Taking
from tests.scenarios.conftest import open_place
from tests.scenarios.endings import assert_closed
from tests.scenarios.sales import AGENT, SDR, Showroom
from tests.scenarios.wire import Kind, Mishap

NewShowroom = Callable[[], AbstractContextManager[Showroom]]
Undisturbed = dict[str, tuple[list[str], Counter[str]]]
APART = 19
"""So many places are between two kills of one play."""
KINDS: tuple[Kind, ...] = ("answer lost", "silent", "busy", "broken")
VENDORS = ("intercom", "salesforce", "outreach", "qualified")
EXECUTIVE = "staff-68"
STRANGER = "tamsin@gooseberry-4f2e.example"


class Law:
    """Watches what reaches Intercom: `broken` has the conversations that were closed before they were `confirmed`."""

    def __init__(self, room: Showroom) -> None:
        self.confirmed: set[str] = set()
        self.closed: set[str] = set()
        self.broken: list[str] = []
        handle = room.world.handle

        def watched(vendor: str, request: Request) -> Response:
            found = re.fullmatch(r"/conversations/(\d+)/parts", request.path)
            if vendor == "intercom" and found and json.loads(request.body)["message_type"] == "close":
                self.closed.add(found[1])
                if found[1] not in self.confirmed:
                    self.broken.append(found[1])
            return handle(vendor, request)

        room.world.handle = watched  # type: ignore[method-assign]  # watched


def lead(room: Showroom, law: Law) -> None:
    """A lead whom nobody knew: from the tag to the meeting."""
    run = room.ask_sales("visitor-4", "Pricing")
    number = room.about(run)
    room.take(run)
    law.confirmed.add(number)
    room.sent(run)
    room.advance(minutes=20)
    room.say(run, "missing-fields", SDR, decision=Knowledge.KNOWN.value, ats="Greengrass", phone="+1 555 0177")
    room.sales.book_meeting("visitor-4")
    room.look()
    assert_closed(room, run, "handed_over: lead")


def technical(room: Showroom, law: Law) -> None:
    """A lead whom Outreach introduces to support, and who writes again."""
    run = room.ask_sales("visitor-6", "Pricing")
    number = room.about(run)
    room.take(run, decision=LeadTake.TECHNICAL.value)
    room.again(run)
    law.confirmed.add(number)
    room.sales.send_step(room.state_in("1002"))
    room.hooks()
    room.advance(minutes=20)
    room.say(run, "missing-fields", SDR, decision=Knowledge.NOTHING.value)
    assert_closed(room, run, "handed_over: technical")


def customer(room: Showroom, law: Law) -> None:
    """A customer whose new thread a mail confirms, which support gets too."""
    run = room.ask_sales("visitor-1", "Billing")
    number = room.about(run)
    room.take(run)
    law.confirmed.add(number)
    room.mail("visitor-1", cc=[mailing.SUPPORT])
    mail = room.run()
    room.say(mail, "support-take", AGENT, decision=Taking.MINE.value)
    room.say(run, "outcome", EXECUTIVE, decision=Custody.MINE.value)
    assert_closed(room, run, "handed_over: customer")
    assert_closed(room, mail, "handed_over: support")


def forwarded(room: Showroom, _law: Law) -> None:
    """Somebody whom Intercom does not know is handed to support; and a question that support keeps."""
    room.mail(mailing.SUPPORT, text=f"Please help.\n\nFrom: Tamsin <{STRANGER}>\nIt does not load.")
    run = room.run()
    room.say(run, "support-take", AGENT, decision=Taking.MINE.value)
    assert_closed(room, run, "handed_over: support")
    conversations = room.world.state["intercom"]["conversations"].values()
    assert sum("It does not load" in one["source"]["body"] for one in conversations) == 1
    kept = room.ask_sales("visitor-2", "Pricing")
    assert_closed(room, kept, "kept_by_support: not_eligible")


ACTS: dict[str, Callable[[Showroom, Law], None]] = {
    "lead": lead,
    "technical": technical,
    "customer": customer,
    "forwarded": forwarded,
}


def play(room: Showroom, act: str) -> None:
    """One of them; the law holds, and nobody is anywhere twice."""
    law = Law(room)
    ACTS[act](room, law)
    assert law.broken == []
    assert law.closed == law.confirmed
    state = room.world.state
    contacts = [one["email"] for one in state["intercom"]["contacts"].values()]
    prospects = [one["attributes"]["emails"][0] for one in state["outreach"]["records"]["prospect"].values()]
    leads = [one["Email"] for one in state["salesforce"]["records"]["Lead"].values()]
    begun = [one["source"]["body"] for one in state["intercom"]["conversations"].values()]
    for found in (contacts, prospects, leads, begun):
        assert [one for one, times in Counter(found).items() if times > 1] == []


@pytest.fixture(scope="module")
def undisturbed(cloud: aws.Aws, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What passes the wire in each act when nothing goes wrong, and what people see of it."""
    found = {}
    for act in ACTS:
        folder = tmp_path_factory.mktemp(act)
        with pytest.MonkeyPatch.context() as monkeypatch, open_place(Showroom, folder, cloud, monkeypatch) as room:
            play(room, act)
            found[act] = room.wire.passed, room.effects()
    return found


def play_despite(new_showroom: NewShowroom, undisturbed: Undisturbed, act: str, mishap: Mishap) -> None:
    """Play with one mishap: the endings and what people see are as without, each effect once."""
    passed, expected = undisturbed[act]
    with new_showroom() as room:
        room.wire.mishap = mishap
        play(room, act)
        assert room.wire.happened
        assert room.effects() == expected, f"{act}: {mishap.kind} at {mishap.at}, {passed[mishap.at]}"


def changing(passed: list[str]) -> list[int]:
    """Where something is changed in a system of support or sales."""
    pattern = rf"({'|'.join(VENDORS)}) (POST|PUT|PATCH|DELETE) (?!.*(search|oauth|/query))"
    return [at for at, name in enumerate(passed) if re.match(pattern, name)]


@pytest.mark.parametrize("act", ACTS)
def test_each_effect_comes_once(undisturbed: Undisturbed, act: str) -> None:
    """When nothing goes wrong nothing that people see is there twice, but for how the same question was settled."""
    assert [text for text, times in undisturbed[act][1].items() if times > 1 and "Settled: " not in text] == []


@pytest.mark.parametrize("act", ACTS)
def test_killed_at_a_sample_of_places(new_showroom: NewShowroom, undisturbed: Undisturbed, act: str) -> None:
    """Killed before or after: the cases end as without, and everything outside was done once."""
    for number, at in enumerate(range(11, len(undisturbed[act][0]), 211)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        play_despite(new_showroom, undisturbed, act, Mishap(at, kind))


@pytest.mark.parametrize("act", ["lead", "forwarded"])
def test_the_answer_about_somebody_new_is_lost(new_showroom: NewShowroom, undisturbed: Undisturbed, act: str) -> None:
    """Who was made, and put into a sequence, without our hearing of it is found and not made again."""
    making = r"salesforce POST \S+/sobjects/Lead|outreach POST \S+/(prospects|sequenceStates)"
    making += r"|intercom POST /(contacts|conversations)"
    places = [at for at, name in enumerate(undisturbed[act][0]) if re.fullmatch(making, name)]
    assert len(places) == {"lead": 4, "forwarded": 2}[act]
    for at in places:
        play_despite(new_showroom, undisturbed, act, Mishap(at, "answer lost"))


@pytest.mark.parametrize("act", ACTS)
def test_an_answer_goes_wrong(new_showroom: NewShowroom, undisturbed: Undisturbed, act: str) -> None:
    """A change that was made and not confirmed, one unanswered, refused for now, or failed: done once in the end."""
    for number, at in enumerate(changing(undisturbed[act][0])[::8]):
        play_despite(new_showroom, undisturbed, act, Mishap(at, KINDS[number % len(KINDS)]))


@pytest.mark.slow
@pytest.mark.parametrize("act", ["lead", "technical", "customer"])
def test_killed_again_and_again(new_showroom: NewShowroom, undisturbed: Undisturbed, act: str) -> None:
    """Killed at every single place, but in one go at several that are far apart: until each nothing else has happened
    since the case was taken up. What is forwarded goes the same way as the customer's mail."""
    for first in range(APART):
        with new_showroom() as room:
            room.wire.mishap, room.killed_again = Mishap(first, "killed after"), APART
            play(room, act)
            assert room.effects() == undisturbed[act][1], first


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS)
def test_every_answer_is_lost(new_showroom: NewShowroom, undisturbed: Undisturbed, act: str) -> None:
    """The answer to every request that changes something at a vendor is lost, one in each play."""
    for at in changing(undisturbed[act][0]):
        play_despite(new_showroom, undisturbed, act, Mishap(at, "answer lost"))
