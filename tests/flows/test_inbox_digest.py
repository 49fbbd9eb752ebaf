"""Each colleague learns each working morning, once, what is open for them; nobody else is written to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.schemas.objects import State

import flows
from casework import authority, tick, wiring
from casework.answer import Accepted, Form, Offer, answer
from casework.case import Kind
from casework.clock import Minutes
from casework.engine.simulated import Run
from casework.occurrence import AlreadyOpen
from casework.people import Identity, Person, Role
from casework.process import process, processes
from casework.sandbox.misbehave import Fault
from casework.wait import wait_for
from policies.inbox_digest import NUMBERS, Ending, InboxDigestNumbers
from policies.numbers import NumbersError, load
from tests.scenarios.office import Office

CSM, OTHER = "staff-13", "staff-12"


class Done(Form):
    """That it is done."""


@process("chore", subject="toy:chore:{number}")
def chore(number: int, who: Sequence[str], minutes: int = 60 * 24 * 30, known: bool = True) -> str:
    """Ask colleagues by their ids; `known`: with their Slack ids, else as the core asks operators."""
    people = tuple(Person(id=one, slack=f"U0STAFF{one[-2:]}X" if known else None) for one in who)
    done = wait_for(
        Done, key="chore", question="Done?", who=Role(name="anybody", people=people), within=Minutes(minutes)
    )
    return "done" if done else "expired"


def digest(office: Office) -> Run:
    """A run of the digest, as its schedule starts it."""
    return office.start("inbox-digest")


def digests(office: Office, staff: str) -> list[str]:
    """The digests that somebody got in Slack, oldest first."""
    return [text for text in office.slack(staff) if re.match(r"\*[\d,]+ questions? waits? for you\*", text)]


def told(office: Office) -> list[str]:
    """Who got a digest, as often as they did."""
    return sorted(one for one in office.world.state["roster"]["staff"] for _ in digests(office, one))


def morning(office: Office, days: int = 1) -> None:
    """Let days pass; nothing of the digest runs meanwhile."""
    office.engine.sleep(days * 24 * 60 * 60)


def test_each_colleague_learns_what_is_open(office: Office) -> None:
    """The CSM whom a data export waits for gets one message with question, case and due time; nobody else gets any:
    not a colleague with nothing open, not the customer of the other case, not a system."""
    ticket, run = office.ask("user-88")
    office.reply(ticket)
    office.ask("user-83")
    assert office.waiting(run) == ["approval/1"]
    sent = digest(office)
    assert sent.state == "sent: 1 told"
    assert told(office) == [CSM]
    (message,) = digests(office, CSM)
    link = f"https://prefect.example/runs/flow-run/{run.case_id}"
    assert f"• <{link}|data-export {ticket}>: `approval`, due Monday, 16 March 2026, 16:00 UTC" in message
    assert message.startswith("*1 question waits for you*\n")
    assert "more:" not in message


def test_a_delegate_learns_it_too(office: Office) -> None:
    """From the delegation's start both are told; whoever has answered, and whoever stands in for nobody, is not."""
    office.start("chore", number=1, who=[CSM])
    office.start("chore", number=2, who=["staff-11"])
    now = office.engine.now()
    with office.files.writing() as connection:
        for person, since in ((CSM, now), ("staff-11", now + timedelta(days=3))):
            to = Person(id=OTHER, slack="U0STAFF12X")
            authority.delegate(connection, person, to, since, now + timedelta(days=9), "staff-41", now)
    assert digest(office).state == "sent: 3 told"
    assert told(office) == ["staff-11", OTHER, CSM]
    assert "chore 1" in digests(office, OTHER)[0]
    assert "chore 2" not in digests(office, OTHER)[0]


def test_what_burns_most_comes_first_and_the_rest_is_counted(office: Office) -> None:
    """Of more than fit, the message has those that are due first, in order, says how many more, and fits a block."""
    extra = 3
    for number in range(NUMBERS.most_lines + extra):
        office.start("chore", number=100 + number, who=[CSM], minutes=60 * 24 * 40 - number)
    digest(office)
    (message,) = digests(office, CSM)
    listed = [int(found) for found in re.findall(r"\|chore (\d+)>", message)]
    assert listed == [100 + extra + number for number in reversed(range(NUMBERS.most_lines))]
    assert message.startswith(f"*{NUMBERS.most_lines + extra} questions wait for you*")
    assert f"and {extra} more: `casework inbox --mine {CSM}`" in message
    assert "The message that asked you" in message


def test_nobody_is_told_twice_on_a_day(office: Office) -> None:
    """A second run tells only who has something new; the next morning everybody is told again."""
    office.start("chore", number=1, who=[CSM])
    assert digest(office).state == "sent: 1 told"
    assert digest(office).state == "nothing_new"
    office.start("chore", number=2, who=[CSM, OTHER])
    assert digest(office).state == "sent: 1 told"
    assert told(office) == [OTHER, CSM]
    morning(office)
    assert digest(office).state == "sent: 2 told"
    assert len(digests(office, CSM)) == len(digests(office, OTHER)) == 2


def test_no_digest_on_a_day_off(office: Office) -> None:
    """On a Saturday and on a public holiday of the office nobody is told; with nothing open neither."""
    assert digest(office).state == "nothing_new"
    office.start("chore", number=1, who=[CSM], minutes=60 * 24 * 120)
    for day in (datetime(2026, 3, 7, 17, tzinfo=UTC), datetime(2026, 5, 25, 17, tzinfo=UTC)):
        office.engine.time = day
        assert digest(office).state == "day_off"
    assert told(office) == []
    office.engine.time = datetime(2026, 5, 26, 17, tzinfo=UTC)
    assert digest(office).state == "sent: 1 told"


def test_who_is_not_in_slack_is_passed_over(office: Office) -> None:
    """Operators, whom the core knows by their ids alone, are found in the product database; one without a Slack id is
    passed over, and the case file names them. Slack ids of questions count for who is not in the database."""
    office.product_says("UPDATE staff SET slack_id = NULL WHERE id = 'staff-42'")
    office.product_says("DELETE FROM staff WHERE id = 'staff-13'")
    office.start("chore", number=1, who=["staff-41", "staff-42", "zendesk-501"], known=False)
    office.start("chore", number=2, who=[CSM])
    run = digest(office)
    assert run.state == "sent: 2 told, 1 without Slack"
    assert told(office) == [CSM, "staff-41"]
    (found,) = [entry for entry in office.entries(run, Kind.LOOKUP_DONE) if entry.key.startswith("inbox.readers")]
    assert found.payload["result"]["without_slack"] == ["staff-42"]


def parked(office: Office) -> tuple[Run, str]:
    """A digest that told staff-11 and parked at the CSM, whom Slack does not know; and the operators' question."""
    office.start("chore", number=1, who=["staff-11"])
    office.start("chore", number=2, who=[CSM])
    members = office.world.state["slack"]["users"]
    gone = members.pop("U0STAFF13X")
    run = digest(office)
    members["U0STAFF13X"] = gone
    assert (run.state, told(office)) == ("suspended", ["staff-11"])
    (fault,) = office.waiting(run)
    assert fault.startswith("fault>people.tell_in_slack/2")
    return run, fault


def test_a_parked_digest_keeps_the_next_from_starting(office: Office) -> None:
    """While Slack refuses one message the digest waits for the operators, and the next morning's run is that one; once
    they let it go on, who was told yesterday is told today by a new run, and who was told today is not told again."""
    run, fault = parked(office)
    morning(office)
    assert tick.start(office.runtime, "inbox-digest", "inbox:digest", {}) == (run.case_id, False)
    said = answer(Offer(run.case_id, fault, {"verdict": "retry"}, "command", Identity(kind="person", value="staff-41")))
    assert isinstance(said, Accepted)
    office.settle()
    assert (run.state, told(office)) == ("sent: 2 told", ["staff-11", CSM])
    assert digest(office).state == "sent: 1 told"
    assert told(office) == ["staff-11", "staff-11", CSM]


def test_a_message_that_operators_skip_is_not_counted(office: Office) -> None:
    """They leave it out with a reason: the ending counts who was told, and a later run tries the person again."""
    run, fault = parked(office)
    skip = {"verdict": "skip", "reason": "has left"}
    said = answer(Offer(run.case_id, fault, skip, "command", Identity(kind="person", value="staff-41")))
    assert isinstance(said, Accepted)
    office.settle()
    assert run.state == "sent: 1 told"
    assert digest(office).state == "sent: 1 told"
    assert told(office) == ["staff-11", CSM]


def test_a_scheduled_run_beside_an_open_case_completes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Prefect such a run ends as Completed, named Already open, and names the case that is open."""
    run, _ = parked(office)

    @contextmanager
    def connected() -> Iterator[None]:
        yield

    monkeypatch.setattr(wiring, "connected", connected)
    monkeypatch.setattr(office.engine, "case_id", lambda: "started-by-prefect")
    with pytest.raises(AlreadyOpen, match=run.case_id):
        processes["inbox-digest"].leg()
    state = flows.inbox_digest.fn()
    assert isinstance(state, State)
    assert (state.is_completed(), state.name) == (True, "Already open")
    assert run.case_id in str(state.message)
    assert [one.case_id for one in office.files.find("inbox:digest")] == [run.case_id]


def test_a_lost_answer_is_no_second_message(office: Office) -> None:
    """Slack takes the message and its answer is lost: the step finds it, and the person has it once."""
    office.start("chore", number=1, who=[CSM])
    office.world.misbehave("slack", Fault.answer_lost(), match="POST /api/chat.postMessage")
    assert digest(office).state == "sent: 1 told"
    assert told(office) == [CSM]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("time_of_day = 08:30:20\nmost_lines = 10", "a wall time to the minute"),
        ("time_of_day = 08:30:00\nmost_lines = 11", "most_lines: Input should be less than or equal to 10"),
        ("time_of_day = 08:30:00", "most_lines: is missing"),
    ],
)
def test_wrong_numbers_stop_the_start(tmp_path: Path, line: str, said: str) -> None:
    """A time with seconds, more lines than Slack takes, or a missing number is told by its name."""
    file = tmp_path / "inbox_digest.toml"
    file.write_text(line)
    with pytest.raises(NumbersError, match=said):
        load(InboxDigestNumbers, file)


def test_its_page_says_what_is_so() -> None:
    """The reference page has every number with its value, and every ending."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "inbox.md").read_text()
    for name in InboxDigestNumbers.model_fields:
        assert f"| `{name}` | {getattr(NUMBERS, name)} |" in page
    for ending in Ending:
        assert re.search(rf"^\| `{ending}\b", page, re.MULTILINE), ending
