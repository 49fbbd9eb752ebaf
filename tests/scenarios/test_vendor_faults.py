"""Each vendor misbehaves once on the delivered path, and Salesforce on that of a concern, in each way: everything
outside happens once."""

from __future__ import annotations

import pytest

from tests.scenarios.concerns import NewAgency, Quiet, changes, play_despite
from tests.scenarios.deliveries import NewOffice, Undisturbed, deliver_despite
from tests.scenarios.wire import COMMIT, Kind, Mishap, mishaps

KINDS: tuple[Kind, ...] = ("busy", "broken", "silent", "answer lost")
PARTS = 4
READING = (
    "dropbox POST /2/files/download",
    "dropbox POST /2/files/get_metadata",
    "dropbox POST /2/files/list_revisions",
)


def acting(passed: list[str]) -> list[int]:
    """The first place of each kind of call that changes something."""
    places: dict[str, int] = {}
    for at, name in enumerate(passed):
        if name not in (COMMIT, *READING) and name.split()[1] not in ("GET", "HEAD"):
            places.setdefault(name, at)
    return list(places.values())


def test_without_faults(undisturbed: Undisturbed) -> None:
    """The customer reads three messages, the CSM gets two in Slack and one mail, engineering one task; each once."""
    assert set(undisturbed.effects.values()) == {1}
    kinds = [text.split(":")[0] for text in undisturbed.effects]
    assert {kind: kinds.count(kind) for kind in kinds if kind != "note"} == {
        "customer": 3,
        "slack staff-13": 2,
        "mail staff-13": 1,
        "ticket": 1,
        "task": 1,
        "asana hook": 1,
    }


def test_an_answer_is_lost_after_each_kind_of_effect(new_office: NewOffice, undisturbed: Undisturbed) -> None:
    """What was done and not heard of is found again: people see each effect once."""
    for at in acting(undisturbed.passed):
        deliver_despite(new_office, undisturbed, Mishap(at, "answer lost"))


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("zendesk PUT", "busy"),
        ("slack POST /api/chat", "broken"),
        ("asana POST", "silent"),
        ("ses POST", "busy"),
        ("s3 POST", "silent"),
    ],
)
def test_a_vendor_that_does_not_do_it(new_office: NewOffice, undisturbed: Undisturbed, call: str, kind: Kind) -> None:
    """What was not done is done at the next try: people see each effect once."""
    at = next(at for at, name in enumerate(undisturbed.passed) if name.startswith(call))
    deliver_despite(new_office, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2 * PARTS))
def test_a_fault_at_every_call(new_office: NewOffice, undisturbed: Undisturbed, part: int) -> None:
    """One fault at any call on the path changes nothing of what people see: of each kind where something is changed,
    of one where it is only looked at."""
    calls = [one for one in mishaps(undisturbed.passed, "", KINDS) if undisturbed.passed[one.at] != COMMIT]
    for mishap in calls[part :: 2 * PARTS]:
        deliver_despite(new_office, undisturbed, mishap)


def test_an_answer_of_salesforce_is_lost(new_agency: NewAgency, concern: Quiet) -> None:
    """A comment, a mail, a change or a closing that was made and not heard of is found again."""
    for at in [at for at, name in enumerate(concern.passed) if changes(name)][::2]:
        play_despite(new_agency, concern, Mishap(at, "answer lost"))


def test_salesforce_does_not_do_it(new_agency: NewAgency, concern: Quiet) -> None:
    """What was not done is done at the next try, signing in and the last mail included."""
    changing = [at for at, name in enumerate(concern.passed) if changes(name)]
    (signing_in, *_) = [at for at, name in enumerate(concern.passed) if "oauth2" in name]
    for mishap in (Mishap(signing_in, "busy"), Mishap(changing[-2], "silent")):
        play_despite(new_agency, concern, mishap)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_fault_at_every_request_to_salesforce(new_agency: NewAgency, concern: Quiet, part: int) -> None:
    """One fault at any request changes nothing of what people see: of each kind where something is changed, of one
    where it is only looked at."""
    for mishap in mishaps(concern.passed, "salesforce ", KINDS)[part::PARTS]:
        play_despite(new_agency, concern, mishap)
