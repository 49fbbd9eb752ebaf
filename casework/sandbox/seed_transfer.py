"""What the support day and the hand-over between support and sales need: an Intercom workspace in use.

Roster entry `visitors` has people from outside by names of our own (`visitor-1`), with their contact and, for
customers, their user of the product; `conversations` has what was said before anybody looked, by names such as `seats`.
Admins are the support reps, the support agents and the reps' coordinator, and our own robot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from casework.sandbox import intercom_records as records
from casework.sandbox.http import Json

if TYPE_CHECKING:
    from casework.sandbox.world import World

ROBOT = "8140000"
TEAM = "9050001"
TO_SALES = "to-sales"
TOPIC = "Topic"
TOPICS = (
    "Pricing",
    "Plans",
    "Demo request",
    "Seats or licenses",
    "Billing",
    "Feature cost",
    "Feature access",
    "Upgrade or expansion",
    "Bug",
    "How-to",
)
SALES = "sales@casework-5b2e.example"
_ADMINS = ("staff-14", "staff-15", "staff-16", "staff-18", "staff-61", "staff-62")
_TEAM = ("staff-14", "staff-15", "staff-16")
# name, user of the product or None for a lead, name and address of a lead
_VISITORS: tuple[tuple[str, str | None, str, str], ...] = (
    ("visitor-1", "user-83", "", ""),
    ("visitor-2", "user-88", "", ""),
    ("visitor-3", "user-80", "", ""),
    ("visitor-4", None, "Quillon Marchbanks-Teasdale", "quillon@hollowmere-3d1f.example"),
    ("visitor-5", None, "Saoirse Wexcombe-Lund", "saoirse.wexcombe-lund@tallowgate-c94e.example"),
    ("visitor-6", None, "Ignatius Farthingale-Boe", "i.farthingale@marrowstone-77b2.example"),
)


@dataclass(frozen=True, slots=True)
class _Chat:
    """A conversation that a visitor began `hours` ago; `answered` and `again` are so many hours ago too."""

    visitor: str
    said: str
    hours: int
    topic: str | None = None
    rep: str | None = None
    answered: int | None = None
    again: int | None = None
    ends: str | None = None
    sla: str | None = None


_CHATS = {
    "seats": _Chat("visitor-1", "We need ten more seats", 3, "Seats or licenses", "staff-14", sla="active"),
    "feature": _Chat(
        "visitor-2", "What would single sign-on cost?", 30, "Feature cost", "staff-14", 28, 5, sla="missed"
    ),
    "bug": _Chat("visitor-3", "The list does not load", 26, "Bug", "staff-14", 20, sla="hit"),
    "later": _Chat("visitor-1", "Please write again next week", 90, None, "staff-14", 80, ends="snoozed"),
    "done": _Chat("visitor-2", "Thank you", 120, None, "staff-14", 119, ends="close"),
    "pricing": _Chat("visitor-4", "What does it cost for forty people?", 2, "Pricing"),
    "technical": _Chat("visitor-5", "Does it work with our mail server?", 6, "How-to", "staff-16", 4, 1),
    "unsaid": _Chat("visitor-6", "I have a question", 1),
}


def plant(world: World) -> None:
    """Makes the workspace and what is in it."""
    account, roster = world.state["intercom"], world.state["roster"]
    account["me"], account["attributes"] = ROBOT, {TOPIC: list(TOPICS), "Order": None}
    records.make_tag(world, TO_SALES)
    _colleagues(world)
    planted = set(world.state["planted"])
    roster["visitors"] = {}
    for name, user_id, called, email in _VISITORS:
        user = roster["users"][user_id] if user_id else {"name": called, "email": email}
        given = {"role": "user" if user_id else "lead", "external_id": user_id, **_only(user, "name", "email")}
        contact = records.add_contact(world, given)
        known = {"id": name, "contact_id": contact["id"], "user_id": user_id, **_only(user, "name", "email")}
        roster["visitors"][name] = known
        planted |= {user["name"], user["email"]}
    roster["conversations"] = {name: _begun(world, chat) for name, chat in _CHATS.items()}
    planted |= {chat.said for chat in _CHATS.values() if len(chat.said) > 20}
    world.state["planted"] = sorted(planted)
    # What was there before anybody looked is no news.
    world.state["outbox"] = [kept for kept in world.state["outbox"] if kept["vendor"] != "intercom"]


def _only(entry: Json, *names: str) -> Json:
    return {name: entry[name] for name in names}


def _colleagues(world: World) -> None:
    account, staff = world.state["intercom"], world.state["roster"]["staff"]
    robot = {"name": "Casework Robot", "email": "robot@support.example"}
    people = {ROBOT: robot} | {str(8_140_000 + int(one[-2:])): staff[one] for one in _ADMINS}
    for key, member in people.items():
        in_team = member.get("id") in _TEAM
        account["admins"][key] = {
            "type": "admin", "id": key, "name": member["name"], "email": member["email"], "job_title": "",
            "away_mode_enabled": False, "away_mode_reassign": False, "has_inbox_seat": True,
            "team_ids": [int(TEAM)] if in_team else [], "avatar": None,
        }  # fmt: skip
        if key != ROBOT:
            member["intercom_admin"] = key
    admins = [int(staff[one]["intercom_admin"]) for one in _TEAM]
    account["teams"][TEAM] = {"type": "team", "id": TEAM, "name": "Support", "admin_ids": admins}


def _begun(world: World, chat: _Chat) -> str:
    contact = world.state["intercom"]["contacts"][world.state["roster"]["visitors"][chat.visitor]["contact_id"]]
    made = records.add_conversation(world, contact, f"<p>{chat.said}</p>")
    began = records.now(world) - chat.hours * 3600
    made |= {"created_at": began, "updated_at": began, "waiting_since": began, "last_contact_reply_at": began}
    made |= {"team_assignee_id": int(TEAM)}
    if chat.sla is not None:
        made["sla"] = {"type": "conversation_sla_summary", "sla_name": "First answer", "sla_status": chat.sla}
    if chat.topic is not None:
        made["custom_attributes"][TOPIC] = chat.topic
    if chat.rep is not None:
        _worked_on(world, made, chat, world.state["roster"]["staff"][chat.rep]["intercom_admin"])
    if chat.again is not None:
        records.add_part(world, made, "comment", "contact", contact, "<p>And one more thing.</p>")
        _ago(world, made, chat.again, "waiting_since", "last_contact_reply_at")
    return str(made["id"])


def _worked_on(world: World, made: Json, chat: _Chat, admin_id: str) -> None:
    admin = world.state["intercom"]["admins"][admin_id]
    made["admin_assignee_id"] = int(admin_id)
    if chat.answered is not None:
        records.add_part(world, made, "comment", "admin", admin, "<p>We look into it.</p>")
        _ago(world, made, chat.answered, "first_admin_reply_at", "last_admin_reply_at")
    if chat.ends is not None:
        records.add_part(world, made, chat.ends, "admin", admin)
        _ago(world, made, chat.answered or 0)
        made["snoozed_until"] = records.now(world) + 5 * 86_400 if chat.ends == "snoozed" else None


def _ago(world: World, conversation: Json, hours: int, *names: str) -> None:
    """The newest part was so many hours ago, and with it what these fields say."""
    at, part = records.now(world) - hours * 3600, conversation["parts"][-1]
    part |= {"created_at": at, "updated_at": at, "notified_at": at}
    conversation |= dict.fromkeys(("updated_at", *names), at)
