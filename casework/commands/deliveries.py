"""What became of links, and the keys of what lies in the vaults."""

from __future__ import annotations

from dataclasses import asdict
from zoneinfo import ZoneInfo

from casework import wiring
from casework.commands.meant import CaseArgument, one_case
from casework.commands.shown import AsJson, as_json, say, table
from casework.delivery.history import History, Line, brief, histories
from casework.settings import load

__all__ = ["COMMANDS"]

TELLING = 6
"""So many characters of a visitor's HMAC tell the visitors of one link apart."""


def link(case: CaseArgument, json: AsJson = False) -> None:
    """What happened with the download links of a case: looked at, claimed, fetched, received, destroyed.

    No addresses and no names: a visitor is a few letters, which are others for each link.

    Example: `casework link 4711`
    """
    settings = load().settings
    files = wiring.files(settings)
    found = one_case(files, case)
    told = histories(files.engine, found.case_id)
    if json:
        as_json([_plain(one) for one in told])
        return
    if not told:
        say(f"Case {found.case_id} has no link: none was made for it.")
    zone = ZoneInfo(settings.zone)
    for number, one in enumerate(told):
        say("\n" * (number > 0) + "\n".join(_head(one, zone)) + "\n")
        table([f"when ({zone})", "visitor", "what"], [_row(line, zone) for line in brief(one.events)])


def rewrap_keys() -> None:
    """Wrap the data keys of open deliveries anew, after the key-encryption key was exchanged.

    That is the key of AWS KMS in `keys.kms_key_id`, or the key file. Safe to repeat, and while everything runs.

    Example: `casework rewrap-keys`
    """
    with wiring.connected() as wired:
        changed, same = wired.delivery.keys.rewrap()
    say(f"{changed} wrapped anew; {same} needed nothing.")


COMMANDS = (link, rewrap_keys)


def _head(one: History, zone: ZoneInfo) -> list[str]:
    made, file = one.link, one.link.file
    state = f"{made.state} ({made.ended_as})" if made.ended_as else str(made.state)
    lines = [
        f"link {made.link_id} · {state} · {file.vault}",
        f"{file.plain_size:,} bytes; {made.bytes_sent:,} sent, {one.bytes_acknowledged:,} acknowledged; "
        f"open until {made.expires_at.astimezone(zone):%d %b %Y %H:%M}",
    ]
    if one.replaces is not None:
        lines.append(f"in place of {one.replaces}, by {one.reissued_by}")
    return lines


def _row(line: Line, zone: ZoneInfo) -> list[str]:
    what = str(line.event)
    if line.start_byte is not None and line.end_byte is not None:
        what += f": bytes {line.start_byte:,} to {line.end_byte:,}"
    if line.times > 1:
        what += f", in {line.times} requests"
    return [f"{line.at.astimezone(zone):%d %b %H:%M:%S}", (line.visitor or "")[:TELLING], what]


def _plain(one: History) -> dict[str, object]:
    file = one.link.file
    return {
        "link": one.link.link_id,
        "deliverable": file.deliverable_id,
        "state": one.link.state,
        "ended_as": one.link.ended_as,
        "vault": file.vault,
        "bytes": file.plain_size,
        "bytes_sent": one.link.bytes_sent,
        "bytes_acknowledged": one.bytes_acknowledged,
        "expires_at": one.link.expires_at,
        "replaces": one.replaces,
        "reissued_by": one.reissued_by,
        "events": [{name: value for name, value in asdict(line).items() if name != "times"} for line in one.events],
    }
