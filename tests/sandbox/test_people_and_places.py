"""Seed data, deliverables, the product database and the mailbox."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from casework.sandbox import People, World
from casework.sandbox.aws import DROP_BUCKET, SENDER, Aws, running
from casework.sandbox.deliverables import FAULTS, FaultKind
from casework.sandbox.product import create

if TYPE_CHECKING:
    from types_boto3_ses.type_defs import DestinationTypeDef, MessageTypeDef


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with running() as started:
        yield started


def read(aws: Aws, prefix: str) -> dict[str, bytes]:
    s3 = aws.s3()
    listed = s3.list_objects_v2(Bucket=DROP_BUCKET, Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): s3.get_object(Bucket=DROP_BUCKET, Key=item["Key"])["Body"].read()
        for item in listed
    }


def teams_in(name: str, data: bytes) -> list[str]:
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [team for member in archive.namelist() for team in teams_in(member, archive.read(member))]
    if name.endswith(".jsonl"):
        return [json.loads(line)["team_id"] for line in data.splitlines()]
    return [row["team_id"] for row in csv.DictReader(io.StringIO(data.decode()))]


def place(people: People, aws: Aws, prefix: str, fault: FaultKind | None) -> tuple[Any, dict[str, bytes]]:
    manifest = people.engineer.place_deliverable(aws.s3(), DROP_BUCKET, prefix, "team-104", fault=fault)
    found = read(aws, prefix)
    assert json.loads(found.pop("manifest.json")) == manifest
    return manifest, found


def honest(manifest: Any, found: dict[str, bytes]) -> bool:
    """Whether the manifest tells the truth about files, sizes, hashes and row counts."""
    if {entry["name"] for entry in manifest["files"]} != set(found):
        return False
    return all(
        entry["size"] == len(found[entry["name"]])
        and entry["sha256"] == hashlib.sha256(found[entry["name"]]).hexdigest()
        and entry["rows"] == len(teams_in(entry["name"], found[entry["name"]]))
        for entry in manifest["files"]
    )


def test_a_deliverable_is_what_its_manifest_says(people: People, aws: Aws) -> None:
    """Without a fault every size, hash and count is right and every row is of the team."""
    manifest, found = place(people, aws, "case-good/", None)
    assert honest(manifest, found)
    assert {team for name, data in found.items() for team in teams_in(name, data)} == {"team-104"}
    assert [entry["entity"] for entry in manifest["files"]] == ["candidates", "projects", "sequences"]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_wrong_in_its_own_way(people: People, aws: Aws, fault: FaultKind) -> None:
    """A deliverable with a fault differs from an honest one in exactly the named respect."""
    manifest, found = place(people, aws, f"case-{fault}/", fault)
    teams = {team for name, data in found.items() if data for team in teams_in(name, data)}
    names = [member["name"] for entry in manifest["files"] for member in entry.get("members", [])]
    archives = [zipfile.ZipFile(io.BytesIO(data)) for name, data in found.items() if name.endswith(".zip")]
    biggest = max((member.file_size for archive in archives for member in archive.infolist()), default=0)
    facts = {
        "wrong-team-row": teams == {"team-104", "team-999"},
        "dishonest": not honest(manifest, found),
        "empty": any(data == b"" for data in found.values()),
        "path-climbing": any(name.startswith("../") for name in names),
        "bomb": biggest > 1000 * 1000 * 60 and len(found.get("candidates-more.zip", b"")) < biggest / 100,
        "wrong-manifest-team": manifest["team_id"] != "team-104",
        "extra-entity": "invoices" in {entry["entity"] for entry in manifest["files"]},
    }
    lies = {"truncated", "wrong-hash", "wrong-size", "missing-file"}
    expected = {"dishonest"} if fault in lies else {fault}
    assert {name for name, holds in facts.items() if holds} == expected


def test_unknown_faults_are_refused(people: People, aws: Aws) -> None:
    """A misspelt fault is an error, not an honest deliverable."""
    with pytest.raises(ValueError, match="unknown fault"):
        people.engineer.place_deliverable(aws.s3(), DROP_BUCKET, "x", "team-104", fault="bom")  # type: ignore[arg-type]  # wrong on purpose


def test_the_drop_keeps_versions_and_the_mailbox_keeps_mail(aws: Aws) -> None:
    """The drop bucket is versioned; mail is found by its address and nobody else's."""
    assert aws.s3().get_bucket_versioning(Bucket=DROP_BUCKET)["Status"] == "Enabled"
    message: MessageTypeDef = {"Subject": {"Data": "Your code"}, "Body": {"Text": {"Data": "123456"}}}
    to: DestinationTypeDef = {"ToAddresses": ["someone@northwind-7f3a.example"]}
    aws.ses().send_email(Source=SENDER, Destination=to, Message=message)
    [mail] = aws.mailbox("someone@northwind-7f3a.example")
    assert (mail.subject, mail.body) == ("Your code", "123456")
    assert aws.mailbox("northwind-7f3a.example") == []
    with pytest.raises(aws.ses().exceptions.MessageRejected):
        aws.ses().send_email(Source="other@support.example", Destination=to, Message=message)


def test_the_product_database_has_the_whole_roster(world: World, tmp_path: Path) -> None:
    """All tiers and awkward accounts are there: agency, churned twice, shared domain, no CSM, two teams."""
    with closing(sqlite3.connect(create(tmp_path / "product.db", world))) as database:

        def ask(query: str) -> list[Any]:
            return database.execute(query).fetchall()

        assert {row[0] for row in ask("SELECT tier FROM teams")} == {
            "ffs",
            "scaled",
            "mid-market",
            "enterprise",
        }
        assert ask("SELECT id FROM teams WHERE agency = 1") == [("team-105",)]
        churned = ask("SELECT contract_end FROM teams WHERE status = 'churned' ORDER BY contract_end")
        assert churned == [("2025-08-14",), ("2026-01-31",)]
        assert len(ask("SELECT domain FROM team_domains GROUP BY domain HAVING count(*) > 1")) == 1
        assert ask("SELECT id FROM teams WHERE csm_id IS NULL AND tier IN ('mid-market', 'enterprise')")
        assert len(ask("SELECT user_id FROM memberships GROUP BY user_id HAVING count(*) > 1")) == 1
        assert ask("SELECT * FROM memberships WHERE admin = 0")
        staff = ask("SELECT email, slack_id, zendesk_id FROM staff")
    state = world.as_dict()
    for email, slack_id, zendesk_id in staff:
        assert state["slack"]["users"][slack_id]["profile"]["email"] == email
        assert state["zendesk"]["users"][str(zendesk_id)]["email"] == email
        assert state["zendesk"]["users"][str(zendesk_id)]["role"] == "agent"


def test_engineering_takes_access_away(world: World, people: People) -> None:
    """The users of the team cannot sign in any more and their sessions there are over; nobody else notices."""
    with closing(sqlite3.connect(create(world.folder / "product.db", world))) as database:

        def can_get_in() -> set[str]:
            live = "SELECT user_id FROM sessions WHERE team_id = ? AND ended_at IS NULL"
            active = {row[0] for row in database.execute("SELECT id FROM users WHERE active = 1")}
            sessions = {row[0] for team in ("team-103", "team-104") for row in database.execute(live, (team,))}
            return {user for user in ("user-83", "user-84", "user-88", "user-89") if user in active or user in sessions}

        assert can_get_in() == {"user-83", "user-84", "user-88", "user-89"}
        people.engineer.deactivate("team-103")
        assert can_get_in() == {"user-88", "user-89"}
    with pytest.raises(LookupError, match="team-999"):
        people.engineer.deactivate("team-999")


def test_product_database_is_sqlite_only(world: World) -> None:
    """Another database's URL is refused rather than taken for a file name."""
    with pytest.raises(ValueError, match="SQLite"):
        create("postgresql://localhost/product", world)


def test_every_person_is_planted(world: World) -> None:
    """Every name, address and domain of the seed can be searched for; the printed world has none of them."""
    state = world.as_dict()
    people = [user for user in state["zendesk"]["users"].values() if user["id"] != 7000]
    assert {user["name"] for user in people} | {user["email"] for user in people} <= world.planted
    assert {domain for team in state["roster"]["teams"].values() for domain in team["domains"]} <= world.planted
    People(world).customer.open_ticket("user-88")
    assert not [planted for planted in world.planted if planted in world.describe()]


def test_same_acts_give_the_same_world(world: World, people: People, clock: Any) -> None:
    """Two worlds with the same clock and acts are equal, ids and all."""
    other = World(clock, business=True)
    other.seed()
    for one in (people, People(other)):
        one.agent.internal_note(one.customer.open_ticket("user-88"), "staff-61", "x")
    assert other.as_dict() == world.as_dict()
    other.close()
