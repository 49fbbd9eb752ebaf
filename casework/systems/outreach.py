"""Outreach: prospects, sequences and who is in them, colleagues and their mailboxes, of one organisation.

What is made once is looked for first and found again after a lost answer: Outreach takes no second prospect with an
address and nobody twice into a sequence. Tokens are kept beyond restarts: see `outreach_login`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx

from casework.systems.errors import Misconfigured, NotFound
from casework.systems.outreach_login import App, Store
from casework.systems.outreach_models import (
    Mailbox,
    Prospect,
    Sequence,
    SequenceState,
    Template,
    User,
    Webhook,
    address,
)
from casework.systems.outreach_prospects import Matched, ProspectFields, Prospects
from casework.systems.outreach_rest import SYSTEM, URL, OutreachRest
from casework.systems.outreach_sequences import Colleagues, Sequences

__all__ = [
    "App",
    "Mailbox",
    "Matched",
    "Needs",
    "Outreach",
    "Prospect",
    "ProspectFields",
    "Sequence",
    "SequenceState",
    "Store",
    "Template",
    "User",
]

_TOLD_OF = ("prospect", "sequenceState")


@dataclass(frozen=True, slots=True)
class Needs:
    """What an organisation has to have, for `demand`.

    Sequences that are switched on; the template of the mail that has support (`copied`) in CC, by its id and by the
    name that people know it by; and, where hooks are taken, webhooks to that address.
    """

    sequences: tuple[str, ...] = ()
    template: str | None = None
    copied: str | None = None
    hooks: str | None = None
    template_name: str | None = None


class Outreach:
    """A client for one organisation, as the user who authorised the app; the rest is said at `OutreachRest`."""

    def __init__(
        self,
        app: App,
        store: Store,
        *,
        now: Callable[[], datetime],
        url: str = URL,
        needs: Needs | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rest = OutreachRest(app, store, now=now, url=url, transport=transport, sleep=sleep)
        self._needs = needs or Needs()
        self.prospects = Prospects(self.rest)
        self.sequences = Sequences(self.rest)
        self.colleagues = Colleagues(self.rest)

    def changed_since(
        self, since: datetime, sequences: tuple[str, ...], stages: tuple[str, ...]
    ) -> Iterator[tuple[str, datetime]]:
        """The prospects in these sequences whose way changed, and those in these stages who did, each with when.

        Outreach counts a delivery as taken whatever we answered, so somebody has to look. Raises as a request does.
        """
        if since.tzinfo is None:
            raise ValueError("Timezone aware datetime is required")
        for state in self.sequences.last_changed(sequences) if sequences else ():
            if state.changed < since:
                break
            yield state.prospect_id, state.changed
        for prospect in self.prospects.in_stages(stages) if stages else ():
            if prospect.changed < since:
                break
            yield prospect.id, prospect.changed

    def demand(self) -> None:
        """Look whether the organisation has what processes need.

        Raises:
            Misconfigured: says all of what its administrator has to mend.
        """
        wrong = [*self._sequences(), *self._template(), *self._hooks()]
        if wrong:
            raise Misconfigured(SYSTEM, "look at the organisation", "; ".join(wrong))

    def _sequences(self) -> Iterator[str]:
        for sequence_id in self._needs.sequences:
            try:
                found = self.sequences.sequence(sequence_id)
            except NotFound:
                yield f"there is no sequence {sequence_id}"
                continue
            if not found.enabled or found.locked:
                yield f"sequence {sequence_id} is {'locked' if found.locked else 'switched off'}"

    def _template(self) -> Iterator[str]:
        template_id, copied = self._needs.template, self._needs.copied
        if template_id is None:
            return
        try:
            found = self.sequences.template(template_id)
        except NotFound:
            yield f"there is no template {template_id}"
            return
        if found.archived:
            yield f"template {template_id} is archived"
        called = self._needs.template_name
        if called is not None and found.name.strip() != called:
            yield f"template {template_id} is not called {called!r}, which colleagues are told to look for"
        if copied is not None and address(copied) not in found.copied:
            yield f"template {template_id} does not have support's address (outreach.support_address) in CC"

    def _hooks(self) -> Iterator[str]:
        if self._needs.hooks is None:
            return
        operation = "look at the webhooks"
        found = [self.rest.typed(operation, Webhook, one) for one in self.rest.found(operation, "webhooks", {})]
        ours = [one for one in found if one.url == self._needs.hooks]
        for resource in _TOLD_OF:
            if not any(one.tells(resource) for one in ours):
                yield f"no active webhook of {resource} leads to our address"
