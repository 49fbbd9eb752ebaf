"""What must be true when a case has ended, however it ended."""

from __future__ import annotations

from casework.delivery.certificate import verify
from casework.delivery.link import LinkState, Refusal
from casework.engine.simulated import Run
from casework.sandbox import aws
from tests.scenarios.office import Office

__all__ = ["assert_closed", "assert_nothing_left"]


def assert_closed(office: Office, run: Run, ending: str) -> None:
    """The case ended like this, its file is whole, nothing waits, and its run is over."""
    story = run.standing.story if run.standing else ""
    assert office.ending(run) == ending, story
    assert office.waiting(run) == []
    assert office.files.verify(run.case_id) == len(office.entries(run))
    assert office.engine.finished(run.case_id)


def assert_nothing_left(office: Office, run: Run, outcome: str) -> None:
    """The export is gone from everywhere, its link is dead, and the certificate says so and verifies."""
    with office.wire.still():
        _assert_nothing_left(office, run, outcome)


def _assert_nothing_left(office: Office, run: Run, outcome: str) -> None:
    assert office.in_bucket(aws.DROP_BUCKET, f"exports/{run.case_id}/") == 0
    assert office.in_bucket(aws.VAULT_BUCKET, f"sealed/{run.case_id}") == 0
    files = office.world.state["dropbox"]["files"].values()
    assert [file["path_display"] for file in files if not file["deleted"]] == []
    assert office.delivery.keys.destroyed_at(run.case_id) is not None
    document = office.delivery.certificates.read(run.case_id)
    assert verify(document, office.delivery.signer.public_key)
    assert (document["case_id"], document["outcome"]) == (run.case_id, outcome)
    link = office.delivery.links.of_deliverable(run.case_id)
    if link is not None:
        links = office.delivery.links
        assert link.state is LinkState.DESTROYED
        assert links.issue_code(link.link_id) is Refusal.ENDED
        assert links.claim(links.token(link.link_id), "000000") is Refusal.ENDED
