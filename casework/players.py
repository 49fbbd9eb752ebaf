"""The people around a running sandbox, played over HTTP: what they do there, what they were sent, and a download.

They know only what people know: the stand-ins' pages, their own Slack and mail, and the gateway's public pages.
The demo and the tests of whole sites use them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import httpx

__all__ = ["RANGE_BYTES", "Asked", "Download", "PlayFailed", "Players"]

RANGE_BYTES = 8 * 1024 * 1024
DECISION = re.compile(r"<(http[^|>]+/decide/[^|>]+)")
CODE = re.compile(r"`([A-Z2-7]{4}-[A-Z2-7]{4})`")
DOWNLOAD = re.compile(r"<(http\S+/d/[\w-]+)>")
MAILED_CODE = re.compile(r"\b\d{6}\b")
CSRF = re.compile(r'(?:name="csrf" value|data-csrf)="([^"]+)"')
SIZE = re.compile(r'data-size="(\d+)"')
FRESH = httpx.Limits(keepalive_expiry=1)
"""A kept connection could be closed by the other side at the instant of its reuse."""


class PlayFailed(RuntimeError):
    """The other side answered something else than it should; says which and what, never a link or a code."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A Slack message that asks one person: where it stands, and that person's own link and code."""

    channel: str
    ts: str
    link: str
    code: str


class Players:
    """Everybody around the sandbox at `sandbox`, in front of the gateway at `gateway` (addresses, no slash)."""

    def __init__(self, sandbox: str, gateway: str) -> None:
        self.gateway = gateway
        self._sandbox = sandbox
        self.web = httpx.Client(timeout=60, trust_env=False, limits=FRESH)

    def act(self, role: str, name: str, **values: object) -> Any:
        """Let somebody act in the stand-ins, as `POST /sandbox/people/{role}/{act}` says; the result."""
        return _ok(self.web.post(f"{self._sandbox}/sandbox/people/{role}/{name}", json=values)).json()["result"]

    def state(self) -> dict[str, Any]:
        """Everything that the stand-ins know."""
        found: dict[str, Any] = _ok(self.web.get(f"{self._sandbox}/sandbox/state")).json()
        return found

    def mails(self, address: str) -> list[dict[str, str]]:
        """What was sent to a mail address, oldest first."""
        asked = self.web.get(f"{self._sandbox}/sandbox/mailbox", params={"address": address})
        found: list[dict[str, str]] = _ok(asked).json()
        return found

    def asked(self, ticket: int | str, staff: str, question: str = "") -> Asked | None:
        """The newest Slack message that asks this colleague something about a ticket, or deal; None when there is none.

        With `question` (`last-day`) only what asks that counts.
        """
        state = self.state()
        person = state["roster"]["staff"][staff]["slack_id"]
        for channel, one in state["slack"]["channels"].items():
            if one.get("user") != person:
                continue
            for message in reversed(state["slack"]["messages"][channel]):
                text = "\n".join(block["text"]["text"] for block in message.get("blocks", []) if "text" in block)
                link, code = DECISION.search(text), CODE.search(text)
                if link and code and re.search(rf"\b{ticket}\b", text) and (not question or f"`{question}`" in text):
                    return Asked(channel, message["ts"], link[1], code[1])
        return None

    def link(self, ticket: int) -> str | None:
        """The newest download link in what the customer was written on a ticket; None when there is none."""
        comments = reversed(self.state()["zendesk"]["comments"][str(ticket)])
        found = (DOWNLOAD.search(comment["body"]) for comment in comments if comment["public"])
        return next((one[1] for one in found if one), None)

    def answer(self, page: str, **values: str) -> None:
        """Fill in a personal decision page and send it."""
        forms = {"csrf": _in(CSRF, _ok(self.web.get(page)).text)} | values
        _ok(self.web.post(page, data=forms, headers={"Origin": self.gateway}))

    def mailed_code(self, user: str) -> str | None:
        """The newest six digits in a customer's mailbox; None when there are none."""
        mails = self.mails(self.state()["roster"]["users"][user]["email"])
        codes = [found[0] for mail in mails if (found := MAILED_CODE.search(mail["body"]))]
        return codes[-1] if codes else None


class Download:
    """One browser at a download link. Every act may be tried again after a connection error."""

    def __init__(self, players: Players, address: str) -> None:
        self.size = self.arrived = 0
        self._address = address
        self._same = {"Origin": players.gateway}
        self._web = httpx.Client(timeout=60, trust_env=False, limits=FRESH)
        self._digest = hashlib.sha256()
        self._csrf = ""

    def send_code(self) -> None:
        """Press "Send me the code"."""
        forms = {"csrf": _in(CSRF, _ok(self._web.get(self._address)).text)}
        _ok(self._web.post(f"{self._address}/code", data=forms, headers=self._same))

    def claim(self, code: str) -> None:
        """Type the six digits; from then on the link is this browser's, and `size` (bytes) is known."""
        forms = {"csrf": _in(CSRF, _ok(self._web.get(self._address)).text), "code": code}
        page = _ok(self._web.post(f"{self._address}/claim", data=forms, headers=self._same, follow_redirects=True)).text
        self.size, self._csrf = int(_in(SIZE, page)), _in(CSRF, page)

    def go_on(self) -> bool:
        """Fetch the next range and say that it arrived, or at the end the digest of all; False when received."""
        if self.arrived == self.size:
            return self._say({"sha256": self._digest.hexdigest()}) != "received"
        end = min(self.arrived + RANGE_BYTES, self.size)
        wanted = {"Range": f"bytes={self.arrived}-{end - 1}"}
        piece = _ok(self._web.get(f"{self._address}/file", headers=wanted)).content
        self._say({"start": self.arrived, "end": end})
        self._digest.update(piece)
        self.arrived = end
        return True

    def _say(self, said: dict[str, object]) -> str:
        headers = self._same | {"X-CSRF": self._csrf}
        return str(_ok(self._web.post(f"{self._address}/ack", json=said, headers=headers)).json()["state"])


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        room = answer.request.url.path.split("/")[1]
        raise PlayFailed(f"/{room}/… answered {answer.status_code}: {answer.text[:300]}")
    return answer


def _in(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    if found is None:
        raise PlayFailed("A page of the gateway is not the one that was expected.")
    return found[1]
