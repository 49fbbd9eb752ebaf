"""A mail of sales to support is handed over once, and so is a thread; nobody else's mail is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from casework import systems, tick
from casework.case import Kind
from casework.reception_mail import mail_starter
from casework.sandbox import Fault
from casework.sandbox.mailing import BUCKET, PREFIX, SUPPORT
from casework.schema import waits
from casework.systems.errors import Temporary
from policies.sales_mail import Mode
from tasks import mails
from tests.scenarios.conftest import cloud, new_showroom, showroom
from tests.scenarios.sales import MANAGER, SDR, Showroom

__all__ = ["cloud", "new_showroom", "showroom"]

VISITOR = "visitor-4"


class Post:
    """The support address, to which mails come, and the cases that are started."""

    def __init__(self, around: Showroom) -> None:
        self.around = around
        self.raw = around.cloud.s3()

    def put(self, sender: str = SDR, to: tuple[str, ...] = (SUPPORT,), text: str = "Please help", **more: Any) -> str:
        """A mail is in the inbox, and nobody has told us of it; its id."""
        self.around.engine.sleep(60)
        return self.around.people.sdr.send_mail(self.raw, sender, to, "A question", text, told=False, **more)

    def copy(self, **more: Any) -> str:
        """A mail of sales to a customer, with support in copy."""
        return self.put(to=(VISITOR,), cc=[SUPPORT], **more)

    def tell(self, *told: str) -> None:
        """We are told of mails."""
        for mail in told:
            self.around.mails_in("mail.received", f"mail:message:{mail}")

    def started(self) -> list[str]:
        """The mails whose transfers were started."""
        runs = self.around.engine.runs.values()
        return [run.parameters["about"] for run in runs if run.parameters.get("direction") == "sales-to-support"]

    def transfer(self, visitor: str = VISITOR) -> str:
        """A case that hands somebody's conversation to sales and waits for its new thread; its conversation."""
        conversation = self.around.people.visitor.write(visitor, "What does it cost?")
        files, now = self.around.files, self.around.engine.now()
        subject = f"intercom:conversation:{conversation}"
        about: dict[str, object] = {"about": conversation}
        case, _ = tick.start(self.around.runtime, "sales-transfer", subject, about)
        assert case is not None
        files.begin_leg(case, "sales-transfer", about, subject)
        files.end_leg(case, 1)
        row = {"role": "sdr", "who": [], "not_by": [], "quorum": {}, "verified": True, "question": "", "pause_keys": []}
        moments = {"asked_at": now, "due_at": now + timedelta(days=1), "next_at": now + timedelta(days=1)}
        same = {"case_id": case, "wait": "new-thread/1", "state": "open", "form": "NewThread", "looks": True}
        with files.writing() as connection:
            connection.execute(insert(waits).values(**row, **moments, **same, listens=subject))
        return conversation

    def woken(self, conversation: str) -> bool:
        """Whether the case of a conversation is to look."""
        (case,) = self.around.files.find(f"intercom:conversation:{conversation}")
        return case.wanted_at is not None


@pytest.fixture
def post(showroom: Showroom) -> Post:
    return Post(showroom)


# -- what starts a case


def test_a_forward_and_a_copy(post: Post) -> None:
    """Each mail of sales has its case, once, however often it is told of, and whoever in sales has sent it."""
    sent = [post.put(), post.copy(), post.put(sender=MANAGER)]
    post.tell(*sent, *sent)
    assert post.started() == sent


def test_what_is_not_from_sales(post: Post) -> None:
    """A forged sender, a colleague elsewhere, a customer, and a machine start nothing."""
    automatic = {"Auto-Submitted": "auto-replied"}
    post.tell(
        post.put(authentic=False),
        post.put(sender="staff-61"),
        post.put(sender=VISITOR),
        post.put(sender="somebody@elsewhere.example"),
        post.put(headers=automatic),
        post.copy(headers=automatic),
    )
    assert post.started() == []


@pytest.mark.parametrize("subject", ["mail:message:", "mail:message:../x", "intercom:conversation:4711", "mail", ""])
def test_what_is_none_of_its_business(post: Post, subject: str) -> None:
    """Hints about anything else are passed over."""
    post.around.mails_in("some.thing", subject)
    assert post.started() == []


def test_a_mail_that_is_gone(post: Post) -> None:
    """A mail that was deleted before we read it starts nothing."""
    mail = post.put()
    post.raw.delete_object(Bucket=BUCKET, Key=PREFIX + mail)
    post.tell(mail)
    assert post.started() == []


def test_a_mail_whose_case_is_over(post: Post) -> None:
    """It is told of again, by the poller: it had its case."""
    mail = post.put()
    post.tell(mail)
    ((case_id, run),) = post.around.engine.runs.items()
    files, subject = post.around.files, f"mail:message:{mail}"
    files.begin_leg(case_id, "sales-transfer", run.parameters, subject)
    files.append(case_id, Kind.CLOSED, "case", "body", {"ending": "cancelled"})
    run.state = "cancelled"
    post.around.mails_in("mail.changed", subject)
    assert post.started() == [mail]


# -- threads


def test_a_thread_has_one_case(post: Post) -> None:
    """What sales writes in the same thread later is no second case, however it comes; another thread is."""
    first = post.copy()
    answer = post.copy(answers=[first])
    late = post.copy(answers=[first, answer])
    other = post.copy()
    post.tell(answer, first, late, other)
    assert post.started() == [answer, other]


def test_an_earlier_mail_that_is_gone(post: Post) -> None:
    """Where the mail that started the case is deleted, its thread cannot be known any more: that starts another."""
    first = post.copy()
    post.tell(first)
    post.raw.delete_object(Bucket=BUCKET, Key=PREFIX + first)
    restarted = post.copy(answers=[first])
    mail_starter(post.around.runtime, systems.current())("mail.received", f"mail:message:{restarted}")
    assert post.started() == [first, restarted]


# -- a thread that somebody waits for


def test_the_thread_that_a_transfer_waits_for(post: Post) -> None:
    """The case of the customer's conversation looks, and finds when sales has written; no other case does."""
    mine, other = post.transfer(), post.transfer("visitor-6")
    since = post.around.engine.now()
    assert mails.thread_of_now(mine, since) is None
    mail = post.copy()
    at = post.around.engine.now()
    post.tell(mail)
    assert (post.woken(mine), post.woken(other)) == (True, False)
    assert mails.thread_of_now(mine, since) == at.replace(microsecond=0)
    assert mails.thread_of_now(mine, at + timedelta(seconds=1)) is None
    assert mails.thread_of_now(other, since) is None


def test_no_new_thread(post: Post) -> None:
    """A forged mail, one of a colleague elsewhere, a forward, and one to another customer confirm nothing."""
    mine, since = post.transfer(), post.around.engine.now()
    post.tell(
        post.copy(authentic=False),
        post.copy(sender="staff-61"),
        post.put(text=f"From: {post.around.address(VISITOR)}\nHelp"),
        post.put(to=("visitor-6",), cc=[SUPPORT]),
    )
    assert not post.woken(mine)
    assert mails.thread_of_now(mine, since) is None


def test_a_conversation_that_is_gone(post: Post) -> None:
    """It has no thread."""
    mine, since = post.transfer(), post.around.engine.now()
    post.tell(post.copy())
    post.around.people.teammate.delete(mine)
    assert mails.thread_of_now(mine, since) is None


def test_while_intercom_is_away(post: Post) -> None:
    """The hint is tried again, and then starts the case."""
    mail = post.copy()
    post.around.world.misbehave("intercom", Fault.server_error(), times=20)
    with pytest.raises(Temporary):
        post.tell(mail)
    assert post.started() == []
    post.around.world.state["faults"]["intercom"].clear()
    post.tell(mail)
    assert post.started() == [mail]


# -- whom a mail is about


@pytest.mark.parametrize(
    ("to", "cc", "text", "mode", "about"),
    [
        ([SUPPORT], [], "Please help", Mode.FORWARD, None),
        ([SUPPORT], [], "Hm.\n\nFrom: {visitor-4}\nHelp", Mode.FORWARD, "visitor-4"),
        ([SUPPORT], [], "Hm.\n\nFrom: {visitor-4}\n\n> From: {staff-64}\n> Hi", Mode.FORWARD, "visitor-4"),
        ([SUPPORT], [], "Hm.\n\nFrom: {visitor-4}\n\n> From: {visitor-5}\n> Hi", Mode.FORWARD, None),
        ([SUPPORT, "staff-61"], [], "Please help", Mode.FORWARD, None),
        (["visitor-4"], [SUPPORT], "Hello", Mode.CC, "visitor-4"),
        ([SUPPORT], ["visitor-4"], "Hello", Mode.CC, "visitor-4"),
        (["visitor-4"], [SUPPORT, "visitor-5"], "Hello", Mode.CC, "visitor-4"),
        (["visitor-4", "visitor-5"], [SUPPORT], "Hello", Mode.CC, None),
        (["visitor-4", "nobody-we-know@casework-5b2e.example"], [SUPPORT], "Hello", Mode.CC, "visitor-4"),
    ],
)
def test_whom_a_mail_is_about(
    post: Post, to: list[str], cc: list[str], text: str, mode: Mode, about: str | None
) -> None:
    """The one from outside whom it is to, or went to; of a forward, the only one from outside who wrote what is in
    it. Where there are several, nobody is guessed."""
    roster = post.around.world.state["roster"]
    known = {name: one["email"] for table in ("staff", "visitors") for name, one in roster[table].items()}
    for name, address in known.items():
        text = text.replace(f"{{{name}}}", address)
    connected = systems.current()
    mail = connected.inbox.received(post.put(to=tuple(to), cc=cc, text=text))
    read = mails.envelope(mail, connected, lambda role: post.around.runtime.roles.get(role, ()))
    assert (read.seller, read.mode) == (SDR, mode)
    assert read.customer == (None if about is None else known[about])
    assert "@" not in repr(read)
