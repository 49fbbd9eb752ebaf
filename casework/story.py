"""A case file told to people: one line an entry, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from casework.case import Case, Entry, Kind
from casework.until import Nothing

__all__ = ["Line", "markdown", "moment", "timeline"]

_SIGNS = {
    Kind.OPENED: "▶",
    Kind.STEP_DONE: "✓",
    Kind.LOOKUP_DONE: "○",
    Kind.QUESTION_ASKED: "?",
    Kind.REMINDER_SENT: "…",
    Kind.ESCALATED: "↑",
    Kind.ANSWER_REFUSED: "✗",
    Kind.ANSWER_COUNTED: "+",
    Kind.HANDED_OVER: "→",
    Kind.EXTENDED: "»",
    Kind.DECIDED: "!",
    Kind.DEADLINE_PASSED: "⌛",
    Kind.FAULT_PARKED: "⚠",
    Kind.CANCEL_ASKED: "■",
    Kind.COMPENSATED: "↩",
    Kind.CLOSED: "■",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; `at` is UTC."""

    at: datetime
    sign: str
    text: str


def timeline(entries: Sequence[Entry], *, whole: bool = False) -> list[Line]:
    """The story of a case; with `whole` also beginnings of steps, looked-up facts and the clock's readings."""
    told = []
    rests = {entry.key for entry in entries if _rests(entry)}
    for entry in entries:
        if not whole and (
            entry.kind in (Kind.STEP_BEGUN, Kind.ANSWER_OFFERED, Kind.LOOKUP_DONE)
            or (entry.kind is Kind.STEP_DONE and _of_a_question(entry.key) and "tell:" not in entry.key)
            or (entry.kind is Kind.DEADLINE_PASSED and entry.key in rests)
        ):
            continue
        told.append(Line(entry.at, _SIGNS.get(entry.kind, "·"), _say(entry)))
    return told


def _of_a_question(key: str) -> bool:
    """Whether it was done for a question (`morning/1>reminder-1:staff-7>…`), and not on a way of the body itself."""
    return "/" in key.rpartition(">")[0]


def _rests(entry: Entry) -> bool:
    """Whether this is the beginning of a rest, in which nobody is asked."""
    return entry.kind is Kind.QUESTION_ASKED and entry.payload.get("form") == Nothing.form_name()


def _say(entry: Entry) -> str:
    payload = entry.payload
    key = entry.key.removesuffix("/1")
    question = entry.key.rpartition(">")[0].removesuffix("/1")
    match entry.kind:
        case Kind.OPENED:
            return f"{payload['process']} opened for {payload['subject']} (occurrence {payload['occurrence']})"
        case Kind.QUESTION_ASKED if _rests(entry):
            return f"{key}: rests until {moment(payload['due'])}"
        case Kind.QUESTION_ASKED:
            mark = "".join(f", {words} from {moment(since)}" for since, words in payload.get("marks", ()) if words)
            return f"{key}: asked {payload['role']} ({', '.join(payload['who'])}), until {moment(payload['due'])}{mark}"
        case Kind.DECIDED if not payload["values"]:
            return f"{key}: need not rest any longer"
        case Kind.DECIDED:
            values = ", ".join(f"{name} {value}" for name, value in payload["values"].items() if value is not None)
            unverified = "" if payload["verified"] else ", unverified identity"
            place = f" for {payload['for']}" if "for" in payload else ""
            return f"{key}: {values or 'done'} (by {entry.actor}{place} through {payload['channel']}{unverified})"
        case Kind.ANSWER_COUNTED:
            return f"{key}: {entry.actor} {'agrees' if payload['agrees'] else 'does not agree'}"
        case Kind.HANDED_OVER:
            return f"{key}: handed over from {payload['from']} to {payload['to']} by {entry.actor}"
        case Kind.EXTENDED:
            return f"{key}: more time until {payload['due'][:16]} UTC, given by {entry.actor}"
        case Kind.ANSWER_REFUSED:
            return f"{key}: an answer of {entry.actor} was refused, {payload['why'].replace('_', ' ')}"
        case Kind.DEADLINE_PASSED:
            return f"{key}: nobody answered in time"
        case Kind.FAULT_PARKED:
            return f"{key}: {payload['error']}"
        case Kind.ESCALATED:
            return f"{question}: may now also be answered by {', '.join(payload['who'])}"
        case Kind.REMINDER_SENT:
            return f"{question}: {'reminded' if payload['sent'] else 'superseded by a later reminder'}"
        case Kind.CANCEL_ASKED:
            return f"to be ended early, asked by {entry.actor}: {payload['reason']}"
        case Kind.CLOSED:
            return f"ended as {payload['ending']}"
        case Kind.STEP_DONE:
            note = " (skipped)" if payload.get("skipped") else ""
            return f"{payload['label']}{note}"
        case _:
            return f"{entry.kind.value} {_humble(key)}"


def moment(due: str) -> str:
    """A recorded moment (ISO, UTC) as people read it."""
    return f"{due[:16].replace('T', ' ')} UTC"


def _humble(key: str) -> str:
    return key.rsplit(">", 1)[-1].removesuffix("/1").replace(".", ": ").replace("_", " ")


def markdown(case: Case, entries: Sequence[Entry], zone: tzinfo, waiting: str | None) -> str:
    """The story as an operator sees it; times in `zone`."""
    head = f"## {case.process} · {case.subject}{' · ' + case.account if case.account else ''}\n\n"
    now = (
        f"**Ended as {case.ending}.**" if case.ending else f"**Waiting for {waiting}.**" if waiting else "**Running.**"
    )
    rows = "\n".join(
        f"| {line.at.astimezone(zone):%d %b %H:%M:%S} | {line.sign} | {' '.join(line.text.split()).replace('|', '/')} |"
        for line in timeline(entries)
    )
    return f"{head}{now}\n\n| when ({zone}) | | what |\n|---|---|---|\n{rows}\n\nCase `{case.case_id}`"
