"""A manager's mistake in a TOML file stops the start and is told so that it can be put right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from policies.data_export_numbers import NUMBERS, DataExportNumbers
from policies.numbers import Numbers, NumbersError, load

Change = Callable[[str, str], DataExportNumbers]

FILE = Path(__file__).parents[2] / "policies" / "data_export.toml"


@pytest.fixture
def changed(tmp_path: Path) -> Change:
    """Load the data export's own file with one piece of text replaced."""

    def load_changed(old: str, new: str) -> DataExportNumbers:
        text = FILE.read_text(encoding="utf-8")
        assert old in text, f"the file has no {old!r} to replace"
        path = tmp_path / "data_export.toml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return load(DataExportNumbers, path)

    return load_changed


def test_the_policy_pages_numbers() -> None:
    """The numbers that the policy page and the process's description state are in the file."""
    assert NUMBERS.self_serve_candidate_limit == 2000
    assert NUMBERS.churn_grace_days == 90
    assert NUMBERS.churn_decision_working_days == 5
    assert NUMBERS.operators_decision_working_days == 5
    assert (NUMBERS.unverified_wait_days, NUMBERS.unverified_reminder_days) == (14, (3, 7))
    assert (NUMBERS.reason_wait_working_days, NUMBERS.reason_reminder_working_days) == (10, (2, 5))
    assert NUMBERS.approval_reminder_working_days == 1
    assert NUMBERS.approval_escalation_working_days == 2
    assert NUMBERS.engineering_due_working_days == 5
    assert (NUMBERS.link_valid_days, NUMBERS.ready_reminder_day) == (7, 4)
    assert NUMBERS.scaled.approval_required is False


def test_every_number_has_its_unit_and_an_example() -> None:
    """Each number's name ends in its unit or says what it counts, and an error can show a right value."""
    units = {"days", "day", "minutes", "limit", "bytes", "files", "members", "ratio"}
    tables: list[type[Numbers]] = [DataExportNumbers]
    while tables:
        for name, field in tables.pop().model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Numbers):
                tables.append(field.annotation)
                continue
            assert field.examples, f"{name} has no example"
            if field.annotation is int:
                assert name.rsplit("_", 1)[-1] in units, f"{name} does not say its unit"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "churn_grace_days = 90 ",
            'churn_grace_days = "ninety" ',
            "churn_grace_days: Input should be a valid integer, not 'ninety'; for example: churn_grace_days = 90",
        ),
        (
            "churn_grace_days = 90 ",
            "churn_grace_days = 90.0 ",
            "churn_grace_days: Input should be a valid integer",
        ),
        (
            "churn_grace_days = 90 ",
            "churn_grace_days = true ",
            "churn_grace_days: Input should be a valid integer",
        ),
        ("churn_grace_days = 90 ", "churn_grace_days = nan ", "churn_grace_days: Input should be a"),
        ("churn_grace_days = 90 ", "churn_grace_days = -1 ", "greater than or equal to 0, not -1"),
        ("churn_grace_days = 90 ", "", "churn_grace_days: is missing; for example: churn_grace_days = 90"),
        (
            "churn_grace_days = 90 ",
            "churn_grace_days = 90\nchurn_grace_day = 91 ",
            "churn_grace_day: is not a number of this policy; did you mean churn_grace_days?",
        ),
        ("unverified_reminder_days = [3, 7]", "unverified_reminder_days = [7, 3]", "not [7, 3, 14]"),
        ("unverified_reminder_days = [3, 7]", "unverified_reminder_days = [3, 14]", "not [3, 14, 14]"),
        (
            "unverified_reminder_days = [3, 7]",
            "unverified_reminder_days = 3",
            "unverified_reminder_days = [3, 7]",
        ),
        (
            "link_valid_days = 7",
            "link_valid_days = 4",
            "ready_reminder_day, link_valid_days: each must come after",
        ),
        ("approval_final_working_days = 10", "approval_final_working_days = 2", "not [1, 2, 2]"),
        ("approval_required = false", "approval_requird = false", "did you mean approval_required?"),
        (
            "approval_required = false",
            'approval_required = "no"',
            "scaled.approval_required: Input should be a valid",
        ),
        ("max_ratio = 200", "max_ratio = 0", "deliverable.max_ratio: "),
        ('zone = "America/Los_Angeles"', 'zone = "Atlantis"', "business.zone: 'Atlantis' is not a time zone"),
        ('country = "US"', 'country = "XX"', "no public holidays are known for country 'XX'"),
        ("closes = 17:00:00", "closes = 08:00:00", "opens (09:00:00) must be before closes (08:00:00)"),
        ('operators = "operators"', 'operators = "The Operators"', "roles.operators: "),
        ("[roles]", "[roles", "cannot be read as TOML"),
    ],
)
def test_a_wrong_value_is_told(changed: Change, old: str, new: str, told: str) -> None:
    """Each mistake is refused with the file, the name, the problem and, where one helps, an example."""
    with pytest.raises(NumbersError) as caught:
        changed(old, new)
    assert told in str(caught.value)
    assert "data_export.toml: " in str(caught.value)


def test_all_problems_are_told_at_once(changed: Change) -> None:
    """A file with two mistakes is told in two lines."""
    with pytest.raises(NumbersError) as caught:
        changed("churn_grace_days = 90 ", 'link_valid_hours = 2\nchurn_grace_days = "x" ')
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is told by its path."""
    with pytest.raises(NumbersError, match="nothing\\.toml: cannot be read"):
        load(DataExportNumbers, tmp_path / "nothing.toml")


def test_a_right_change_takes_effect(changed: Change) -> None:
    """What a manager changes is what the policy sees; dates, times and lists too."""
    assert (
        changed("self_serve_candidate_limit = 2000", "self_serve_candidate_limit = 0").self_serve_candidate_limit == 0
    )
    assert changed("own_days_off = []", "own_days_off = [2026-12-24]").business.own_days_off[0].day == 24
    assert changed("opens = 09:00:00", "opens = 08:30:00").business.opens.minute == 30
    assert changed("unverified_reminder_days = [3, 7]", "unverified_reminder_days = []").unverified_reminder_days == ()


def test_numbers_are_frozen() -> None:
    """Nothing changes a number while the project runs."""
    with pytest.raises(ValidationError, match="frozen"):
        NUMBERS.churn_grace_days = 1000  # type: ignore[misc]  # that is the claim


def test_infinity_is_no_number(tmp_path: Path) -> None:
    """Not-a-number and infinity, which TOML can write, are refused where a fraction is wanted."""

    class Fractions(Numbers):
        share_percent: float = Field(examples=[2.5])

    path = tmp_path / "fractions.toml"
    for text in ("inf", "nan", "-inf"):
        path.write_text(f"share_percent = {text}\n")
        with pytest.raises(NumbersError, match=r"share_percent = 2\.5"):
            load(Fractions, path)
