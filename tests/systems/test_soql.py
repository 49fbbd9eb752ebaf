"""What is bound into SOQL cannot get out of it: judged by the stand-in's parser, which knows nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casework.sandbox import World
from casework.sandbox.salesforce_query import find
from casework.systems import soql

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
WILD = st.text(st.sampled_from("'\"\\%_ORa\n\t\x00=() -"), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World(lambda: datetime(2026, 3, 2, 9, tzinfo=UTC))
    made.seed()
    yield made
    made.close()


def called(world: World, *names: str) -> None:
    """The org has contacts of just these names."""
    contact = next(iter(world.state["salesforce"]["records"]["Contact"].values()))
    kept = {
        f"003RM{at:010d}AAA": {**contact, "Id": f"003RM{at:010d}AAA", "LastName": name} for at, name in enumerate(names)
    }
    world.state["salesforce"]["records"]["Contact"] = kept


def names(world: World, condition: str) -> list[Any]:
    return [one["LastName"] for one in find(world, soql.select(["LastName"], "Contact", condition))]


@given(wanted=TEXT | WILD, other=TEXT | WILD)
@example(wanted="x' OR LastName != '", other="innocent")
@example(wanted="\\", other="\\\\")
@example(wanted="\\'", other="'")
@example(wanted="\U0001f9a6", other="\\ud83e\\udda6")
def test_a_value_finds_itself_and_nothing_else(world: World, wanted: str, other: str) -> None:
    """Whatever text is looked for, exactly the records of that text are found (case aside, as SOQL compares)."""
    called(world, wanted, other)
    same = [one for one in (wanted, other) if one.lower() == wanted.lower()]
    assert names(world, soql.equals("LastName", wanted)) == same
    assert names(world, soql.within("LastName", [wanted])) == same


@given(words=TEXT | WILD, other=TEXT | WILD)
@example(words="%", other="a")
@example(words="_", other="a")
@example(words="\\%", other="\\a")
def test_words_are_no_pattern(world: World, words: str, other: str) -> None:
    """`mentions` finds the texts that have the words in them, and no wildcard hides in the words."""
    called(world, f"before {words} after", other)
    found = names(world, soql.mentions("LastName", words))
    assert f"before {words} after" in found
    assert set(found) <= {f"before {words} after", other}
    if words.isascii() and other.isascii():
        assert (other in found) == (words.lower() in other.lower() or other == f"before {words} after")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "TRUE"),
        (False, "FALSE"),
        (7, "7"),
        ("O'Hara", "'O\\'Hara'"),
        ("a\nb", "'a\\nb'"),
        ("\x00", "'\\u0000'"),
        (datetime(2026, 1, 8, 10, 12, 7, 5000, UTC), "2026-01-08T10:12:07.005Z"),
        (datetime(2026, 1, 8, 10, 12, 7, tzinfo=timezone(timedelta(hours=2))), "2026-01-08T08:12:07.000Z"),
    ],
)
def test_literals(value: soql.Value, written: str) -> None:
    """Values are written as SOQL's reference says; times in UTC, without quotes."""
    assert soql.literal(value) == written


@pytest.mark.parametrize("name", ["", "Name = 'x'", "a b", "1a", "A..B", "Name;", "Näme", "Id\n", "count(Id)"])
def test_only_names_are_fields(name: str) -> None:
    """A name from the settings can be nothing but a name."""
    with pytest.raises(ValueError, match="field is named"):
        soql.field(name)
    with pytest.raises(ValueError, match="field is named"):
        soql.equals(name, "x")
    with pytest.raises(ValueError, match="field is named"):
        soql.select([name], "Case")


def test_what_cannot_be_asked() -> None:
    """An empty list, a time without a zone, and a strange order are errors of ours, not questions."""
    with pytest.raises(ValueError, match="at least one"):
        soql.within("Id", [])
    with pytest.raises(ValueError, match="Timezone aware"):
        soql.since("CreatedDate", datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="order"):
        soql.select(["Id"], "Case", order="CreatedDate; DELETE")


def test_a_whole_query(world: World) -> None:
    """Conditions, an order and a limit come together, and the parser takes them."""
    query = soql.select(
        ["Id", "Contact.LastName"],
        "Case",
        soql.equals("IsClosed", True),
        soql.either(soql.equals("Priority", None), soql.since("CreatedDate", datetime(2026, 1, 1, tzinfo=UTC))),
        order="CreatedDate DESC",
        limit=2,
    )
    assert len(find(world, query)) == 2
