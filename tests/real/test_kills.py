"""Whatever of ours is killed, and whenever: the case ends as it would have, and every effect outside is there once."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from casework.case import Kind
from casework.delivery.certificate import verify
from casework.delivery.certificates import Certificates
from casework.players import Download, PlayFailed
from tests.real.site import Site, until

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(1500)]

ROBOT = 7000
CUSTOMER, TEAM, CSM = "user-88", "team-104", "staff-13"
BYTES = 100_000_000
LONG = 180.0
NOTES = ("zendesk.note", "zendesk.note_words", "zendesk.begin")
REPLIES = ("zendesk.reply", "delivery.send_link")
ALL = ("everything",)


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own that takes a silent leg for dead after eight seconds."""
    with Site(tmp_path_factory.mktemp("fragile") / "home", LEASE_SECONDS="8") as site:
        yield site


@dataclass(frozen=True)
class Blow:
    """Kill `victims` once `due` says so."""

    name: str
    due: Callable[[], bool]
    victims: tuple[str, ...]


class Saboteur:
    """Kills along one case, blow after blow, in a thread of its own; what it did is in `done`."""

    def __init__(self, site: Site, blows: Sequence[Blow]) -> None:
        self._site, self._blows = site, blows
        self.done: list[str] = []
        self.problem: BaseException | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Saboteur:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        self._ended.set()
        self._thread.join(120)
        assert kind is not None or self.problem is None, self.problem

    def _work(self) -> None:
        try:
            for blow in self._blows:
                while not blow.due():
                    if self._ended.wait(0.02):
                        return
                if blow.victims == ALL:
                    self._site.kill_all()
                    self._site.up()
                else:
                    for victim in blow.victims:
                        self._site.kill(victim)
                self.done.append(blow.name)
        except BaseException as problem:  # noqa: BLE001 - told by the test's own thread
            self.problem = problem


class Play:
    """One case on the delivered path, played through whatever happens to our side."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ticket: int = site.players.act("customer", "open_ticket", user_id=CUSTOMER)
        self.case = ""
        self.browser: Download | None = None

    def begun(self, kind: Kind, key: str, victims: tuple[str, ...]) -> Blow:
        """A blow as soon as the file has such an entry."""

        def due() -> bool:
            case = self.site.case_of(self.ticket)
            return case is not None and any(entry.key == key for entry in self.site.entries(case.case_id, kind))

        return Blow(f"{kind} {key}", due, victims)

    def while_sealing(self, done: int, victims: tuple[str, ...]) -> Blow:
        """A blow once the vault has taken so many bytes."""

        def due() -> bool:
            files = self.site.players.state()["dropbox"]
            sessions = [one["offset"] for one in files["sessions"].values()]
            return sum(sessions) >= done or bool(files["files"])

        return Blow(f"sealed {done}", due, victims)

    def while_downloading(self, part: float, victims: tuple[str, ...]) -> Blow:
        """A blow once so much of the file has arrived."""

        def due() -> bool:
            return (
                self.browser is not None and self.browser.size > 0 and self.browser.arrived > part * self.browser.size
            )

        return Blow(f"downloaded {part:.0%}", due, victims)

    def waits(self, wait: str) -> None:
        until(f"question {wait}", lambda: self.case and wait in self.site.waiting(self.case), LONG)

    def deliver(self) -> None:
        """Everybody does their part; nobody knows of the kills, but a browser tries again."""
        people = self.site.players
        self.case = until("case", lambda: self.site.case_of(self.ticket), LONG).case_id
        self.waits("reason/1")
        people.act("customer", "reply", ticket=self.ticket, text="We are moving")
        self.waits("approval/1")
        until("message in Slack", lambda: people.asked(self.ticket, CSM), LONG)
        (asked,) = [one for one in self.site.entries(self.case, Kind.QUESTION_ASKED) if one.key == "approval/1"]
        # Notes are stamped in whole seconds: one of the same second could be from before the question.
        until("next second", lambda: self.site.files.now() - asked.at >= timedelta(seconds=1))
        people.act("agent", "internal_note", ticket=self.ticket, staff_id=CSM, text="#approve")
        self.waits("deliverable/1")
        self.site.make(self.case, TEAM, BYTES)
        self.waits("download/1")
        link = until("link on the ticket", lambda: people.link(self.ticket), LONG)
        self.browser = browser = Download(people, link)
        again(browser.send_code)
        code = until("code in the mailbox", lambda: people.mailed_code(CUSTOMER), LONG)
        again(lambda: browser.claim(code))
        while again(browser.go_on):
            pass
        until("end of the case", lambda: self.site.ending(self.case), LONG)
        until("end of the run", lambda: again(lambda: self.site.prefect.run(self.case)["end_time"]), LONG)


def again(act: Callable[[], Any], seconds: float = LONG) -> Any:
    """Do it until the other side is there; a browser's user presses reload."""
    end = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (httpx.TransportError, httpx.HTTPStatusError, PlayFailed):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def assert_once(site: Site, ticket: int, case: str) -> None:
    """Outside there is one effect for each step that the file has, and none twice; a mail may be repeated word for
    word, because it cannot be looked for."""
    assert site.files.verify(case) == len(site.entries(case))
    # A leg may be between an effect and its record: the record comes with its next leg at the latest.
    begun = {entry.key for entry in site.entries(case, Kind.STEP_BEGUN)}
    until("record of every step", lambda: begun <= {entry.key for entry in site.entries(case, Kind.STEP_DONE)})
    world = site.players.state()
    steps = Counter(entry.payload["step"] for entry in site.entries(case, Kind.STEP_DONE))
    comments = [one for one in world["zendesk"]["comments"][str(ticket)] if one["author_id"] == ROBOT]
    for public, kinds in ((True, REPLIES), (False, NOTES)):
        said = Counter(one["body"] for one in comments if one["public"] is public)
        assert set(said.values()) == {1}
        assert said.total() == sum(steps[kind] for kind in kinds)
    slack = world["roster"]["staff"][CSM]["slack_id"]
    channels = [name for name, one in world["slack"]["channels"].items() if one.get("user") == slack]
    sent = [str(one["blocks"]) for name in channels for one in world["slack"]["messages"][name]]
    about = [text for text in sent if re.search(rf"\b{ticket}\b", text)]
    assert len(set(about)) == len(about) == steps["people.tell_in_slack"] + steps["people.ask_in_slack"]
    mails = site.players.mails(world["roster"]["staff"][CSM]["email"])
    assert len({mail["body"] for mail in mails if str(ticket) in mail["subject"] + mail["body"]}) == 1


def test_delivered_whatever_is_killed(fragile: Site) -> None:
    """Worker, gateway, Prefect server and all of them with their supervisor are killed with -9 at nineteen moments
    of one case: it is delivered, once, certified, and its run ends as Delivered."""
    play = Play(fragile)
    blows = [
        play.begun(Kind.OPENED, "case", ("worker",)),
        play.begun(Kind.STEP_BEGUN, "zendesk.begin/1", ("worker",)),
        play.begun(Kind.QUESTION_ASKED, "reason/1", ("gateway",)),
        play.begun(Kind.DECIDED, "reason/1", ("prefect",)),
        play.begun(Kind.STEP_BEGUN, "zendesk.note/2", ("worker",)),
        play.begun(Kind.QUESTION_ASKED, "approval/1", ("worker",)),
        play.begun(Kind.STEP_BEGUN, f"approval/1>tell:{CSM}>people.ask_in_slack/1", ALL),
        play.begun(Kind.DECIDED, "approval/1", ("gateway", "worker")),
        play.begun(Kind.STEP_BEGUN, "asana.open_task/1", ("worker",)),
        play.begun(Kind.QUESTION_ASKED, "deliverable/1", ("prefect",)),
        play.begun(Kind.DECIDED, "deliverable/1", ALL),
        play.while_sealing(20_000_000, ("worker",)),
        play.while_sealing(60_000_000, ALL),
        play.begun(Kind.STEP_BEGUN, "delivery.send_link/1", ("worker",)),
        play.while_downloading(0.2, ("gateway",)),
        play.while_downloading(0.6, ALL),
        play.begun(Kind.DECIDED, "download/1", ("worker", "gateway")),
        play.begun(Kind.STEP_BEGUN, "delivery.destroy/1", ALL),
        play.begun(Kind.CLOSED, "case", ("prefect", "worker")),
    ]
    with Saboteur(fragile, blows) as saboteur:
        play.deliver()
    assert saboteur.done == [blow.name for blow in blows]
    assert fragile.ending(play.case) == "delivered"
    assert again(lambda: fragile.prefect.state(play.case)) == ("COMPLETED", "Delivered")
    assert play.browser is not None
    assert play.browser.arrived == play.browser.size > 0.9 * BYTES
    assert_once(fragile, play.ticket, play.case)
    world = fragile.players.state()
    assert [task["completed"] for task in world["asana"]["tasks"].values()] == [True]
    assert len(world["asana"]["webhooks"]) == 1
    assert [one for one in world["dropbox"]["files"].values() if not one["deleted"]] == []
    assert world["zendesk"]["tickets"][str(play.ticket)]["status"] == "solved"
    assert verify(Certificates(fragile.files.engine).read(play.case)).certificate.result
    with fragile.files.engine.connect() as database:
        kept = database.exec_driver_sql("SELECT count(*) FROM certificates").scalar_one()
    assert kept == 1


def test_cancelled_whatever_is_killed(fragile: Site) -> None:
    """A case that is cancelled in the Prefect UI while its server has just been killed and is back, and whose
    unwinding is killed too, is unwound once, and its ticket is told once."""
    play = Play(fragile)
    play.case = until("case", lambda: fragile.case_of(play.ticket), LONG).case_id
    play.waits("reason/1")
    fragile.kill("prefect")
    until("suspended run", lambda: again(lambda: fragile.prefect.state(play.case)[1] == "Suspended"), LONG)

    def pressed() -> bool:
        """Press Cancel until it holds, as a person does: of a run that is being resumed at that very moment Prefect
        forgets it, when a worker that has seen the run as scheduled begins it."""
        if fragile.files.case(play.case).cancel_asked_at is not None:
            return True
        if fragile.prefect.state(play.case)[1] == "Suspended":
            fragile.prefect.cancel(play.case)
        return False

    with Saboteur(fragile, [play.begun(Kind.CANCEL_ASKED, "cancel", ALL)]):
        until("case that is to end", lambda: again(pressed), LONG, every=5)
        until("end of the case", lambda: fragile.ending(play.case), LONG)
    assert fragile.ending(play.case) == "cancelled"
    until("cancelled run", lambda: again(lambda: fragile.prefect.state(play.case)) == ("CANCELLED", "Cancelled"), LONG)
    undone = [entry.key for entry in fragile.entries(play.case, Kind.COMPENSATED)]
    assert undone == ["undo:zendesk.begin/1"]
    comments = fragile.players.state()["zendesk"]["comments"][str(play.ticket)]
    assert set(Counter(one["body"] for one in comments).values()) == {1}
