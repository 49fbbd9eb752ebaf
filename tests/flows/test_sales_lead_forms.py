"""What an SDR can answer about a lead: what makes no sense is refused in words that say what to do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from flows.sales_transfer_lead_forms import CloseChat, Knowledge, MissingFields, Pointed, WhichRecord
from policies.sales_transfer_facts import LeadField

KNOWN, NOTHING = Knowledge.KNOWN.value, Knowledge.NOTHING.value


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"decision": NOTHING}, set()),
        ({"decision": KNOWN, "employee_count": 0}, {LeadField.EMPLOYEE_COUNT}),
        ({"decision": KNOWN, "employee_count": "120", "phone": " "}, {LeadField.EMPLOYEE_COUNT}),
        ({"decision": KNOWN, "email": " ada@lead.example ", "ats": "Hirewell"}, {LeadField.EMAIL, LeadField.ATS}),
        ({"decision": KNOWN, "email": "text:0123456789abcdef"}, {LeadField.EMAIL}),
        ({"seen": "do"}, set()),
    ],
)
def test_missing_fields(given: dict[str, Any], fields: set[LeadField]) -> None:
    """Each field may be left empty; what is blank is empty; a recorded answer, with its references, is one still."""
    form = MissingFields.model_validate(given)
    assert form.told() == fields
    assert set(form.texts()) == fields - {LeadField.EMPLOYEE_COUNT}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "decision: say which it is"),
        ({"decision": KNOWN}, "decision: give at least one of the fields"),
        ({"decision": KNOWN, "company": "  "}, "decision: give at least one of the fields"),
        ({"decision": NOTHING, "company": "Marlowe"}, "decision: give at least one of the fields"),
        ({"decision": KNOWN, "email": "Marlowe"}, "this is no e-mail address"),
        ({"decision": KNOWN, "email": "a@b.example, c@d.example"}, "this is no e-mail address"),
        ({"decision": KNOWN, "email": "a@b..example"}, "this is no e-mail address"),
        ({"decision": KNOWN, "employee_count": -1}, "greater than or equal to 0"),
        ({"decision": KNOWN, "employee_count": "about 50"}, "valid integer"),
        ({"decision": KNOWN, "phone": "5" * 41}, "at most 40 "),
    ],
)
def test_missing_fields_refused(given: dict[str, Any], words: str) -> None:
    """What contradicts itself, or what Salesforce could not take, is refused."""
    with pytest.raises(ValidationError, match=words):
        MissingFields.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"decision": Pointed.NAMED.value},
        {"decision": Pointed.LOOK_AGAIN.value, "record": "00Q000000000001"},
        {"decision": Pointed.NAMED.value, "record": "00D000000000001"},
        {"decision": Pointed.NAMED.value, "record": "00Q00000000001"},
    ],
)
def test_which_record_refused(given: dict[str, Any]) -> None:
    """A record is named by the id of a lead or contact, and only where one is meant."""
    with pytest.raises(ValidationError):
        WhichRecord.model_validate(given)


def test_close_chat_refused() -> None:
    """Nothing said is no answer."""
    with pytest.raises(ValidationError, match="decision: say which it is"):
        CloseChat.model_validate({})
