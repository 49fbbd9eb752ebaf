"""The Monday notice: who tests a document on Onboard learns that it is reset tonight, and CS that it has to go back up.

It starts by its schedule in `deployments`, on holidays too: the reset does not know them. It acts for the cases of
`document-change` that are in their test, which go on waiting and know nothing of it.
"""

from __future__ import annotations

from collections import Counter

from casework import clock
from casework.process import process
from flows.asking import office
from flows.document_change_request import IN_THE_TEST
from policies.document_change import Notice
from tasks import documents


@process("onboard-reset-notice", subject="onboard:reset")
def onboard_reset_notice() -> str:
    """Tell every customer who tests a document on Onboard of tonight's reset, and CS; nobody twice on a day."""
    today = clock.local_date(clock.now(), office)
    texts = ("document_change/onboard-reset-tonight", "document_change/cs-reset")
    outcomes = [documents.tell_reset(one, IN_THE_TEST, today, *texts) for one in documents.testing(IN_THE_TEST)]
    told = Counter(outcomes)["told"]
    return f"{Notice.SENT}: {told} told" if told else Notice.NOTHING_NEW
