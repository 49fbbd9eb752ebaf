from tests.scenarios.office import Office


def test_enterprise(office: Office) -> None:
    """x"""
    ticket, run = office.ask("user-88")
    print(run.standing.story if run.standing else run)
    assert office.waiting(run) == ["reason/1"]
    office.reply(ticket)
    print(run.standing.story)
    assert office.waiting(run) == ["approval/1"]
    print(office.answer(run, "staff-13", verdict="approve"))
    assert office.waiting(run) == ["deliverable/1"], run.standing.story
    office.make(run, "team-104")
    assert office.waiting(run) == ["download/1"], run.standing.story
    office.download(run)
    print(run.standing.story)
    assert office.ending(run) == "delivered"
    print(office.said(ticket), office.said(ticket, False))
