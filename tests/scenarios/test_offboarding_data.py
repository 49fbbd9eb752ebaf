"""A customer leaves and wants its data: an export runs beside the offboarding, which waits for its end."""

from __future__ import annotations

from casework.engine.simulated import Run
from deployments.triggers import TRIGGERS
from flows.offboarding_forms import Again, Vault, Wished, Word
from tasks.offboarding import EXPORT_TAG
from tests.scenarios.departures import ADMIN, ANSWERS, CUSTOMER, NEAR, REP, TEAM, Bureau
from tests.scenarios.endings import assert_closed


def wanted(bureau: Bureau) -> tuple[Run, Run]:
    """The customer wants its data; the runs of the offboarding and of the export."""
    run = bureau.leaving(NEAR)
    bureau.say(run, Word.DATA_WANTED)
    return run, bureau.run("data-export")


def deliver(bureau: Bureau, export: Run) -> None:
    """The export is asked for, agreed to, made and downloaded."""
    ticket = bureau.export()
    bureau.reply(ticket)
    bureau.note(ticket, REP, "#approve")
    bureau.make(export, TEAM)
    bureau.download(export)
    assert_closed(bureau, export, "delivered")


def deny(bureau: Bureau, export: Run) -> None:
    """The customer gives a reason, and the export is denied."""
    ticket = bureau.export()
    bureau.reply(ticket)
    bureau.note(ticket, REP, "#deny The invoice of March is open")
    assert bureau.ending(export) == f"denied: {REP}"


def test_an_export_inside(bureau: Bureau) -> None:
    """The ticket is the admin's, the export has a case of its own, and access stays until that is over, no longer."""
    run, export = wanted(bureau)
    ticket = bureau.ticket(bureau.export())
    assert ticket["requester_id"] == bureau.world.state["roster"]["users"][ADMIN]["zendesk_id"]
    assert export.parameters == {"ticket": ticket["id"]}
    bureau.say(run, Word.HELD, answers=ANSWERS)
    bureau.advance(days=4)
    assert bureau.asana() == []
    deliver(bureau, export)
    assert [name for name, _ in bureau.asana()][1:] == [f"Deactivate team {TEAM} (deal {bureau.deal})"]
    bureau.deactivate()
    bureau.reply_to(run, decision=Vault.DONE.value)
    assert_closed(bureau, run, "offboarded: held")
    assert bureau.kinds(run) == ["invitation", "data-offer", "export-request", "offboarded"]


def test_woken_by_the_end_of_the_export(bureau: Bureau) -> None:
    """Between the beginning and the end of the export nothing of the offboarding asks for it: its end wakes it."""
    run, export = wanted(bureau)
    assert bureau.waiting(run) == ["customer/2"]
    deliver(bureau, export)
    assert bureau.waiting(run) == ["customer/3"]
    seen = [entry.payload for entry in bureau.entries(run) if entry.key == "customer/2" and "values" in entry.payload]
    assert seen[-1]["values"]["seen"] == f"case-{export.case_id}"


def test_the_tag_is_the_triggers() -> None:
    """The ticket says of itself what starts a data export, so that people find it among the others."""
    assert {one.tag for one in TRIGGERS if one.process == "data-export"} == {EXPORT_TAG}


def test_an_export_without_the_data(bureau: Bureau) -> None:
    """Denied: the representative has another one made, or goes on; access stays until they have said so."""
    run, export = wanted(bureau)
    first = bureau.export()
    deny(bureau, export)
    assert bureau.waiting(run) == ["export-ended/1"]
    bureau.advance(days=4)
    assert bureau.asana() == []
    bureau.reply_to(run, decision=Again.AGAIN.value)
    assert bureau.export() != first
    deny(bureau, bureau.run("data-export"))
    bureau.reply_to(run, decision=Again.GO_ON.value)
    assert [name for name, _ in bureau.asana()] == [f"Deactivate team {TEAM} (deal {bureau.deal})"]


def test_withdrawn(bureau: Bureau) -> None:
    """A customer that does not say why it wants its data wants it no more; nobody is asked about that."""
    run, export = wanted(bureau)
    bureau.advance(days=18)
    assert bureau.ending(export) == "withdrawn"
    assert bureau.waiting(run)[0].startswith("customer/")
    assert len(bureau.asana()) == 1


def test_wanted_after_all(bureau: Bureau) -> None:
    """Silent for fourteen days, but the representative knows that it wants its data."""
    run = bureau.leaving(NEAR)
    bureau.advance(days=14.1)
    bureau.reply_to(run, decision=Wished.YES.value)
    assert bureau.run("data-export").parameters == {"ticket": bureau.export()}


def test_calling_off_leaves_the_export(bureau: Bureau) -> None:
    """An offboarding that is called off leaves the export to the customer, who asked for it."""
    run, export = wanted(bureau)
    bureau.engine.cancel(run.case_id)
    bureau.settle()
    assert_closed(bureau, run, "cancelled")
    assert bureau.waiting(export) == ["reason/1"]
    deliver(bureau, export)


def test_the_export_is_parked(bureau: Bureau) -> None:
    """What stops an export does nothing to the offboarding, which asks again after a while and waits on."""
    run, export = wanted(bureau)
    bureau.reply(bureau.export())
    bureau.note(bureau.export(), REP, "#approve")
    bureau.say(run, Word.DECLINED)
    bureau.advance(days=15)
    assert bureau.ending(export) is None
    assert bureau.ending(run) is None
    assert bureau.company(CUSTOMER)["domain"]
    assert [name for name, _ in bureau.asana()] == [f"Data export for ticket {bureau.export()}"]
