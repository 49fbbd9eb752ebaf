"""The daily digest: each colleague learns in Slack, once each working morning, what is open for them.

It starts by its schedule in `deployments`. A digest that is parked keeps later ones from starting until the operators
have answered; whoever was told that day is not told again.
"""

from __future__ import annotations

from datetime import datetime, time

from casework import clock
from casework.process import process
from flows.asking import office
from policies.inbox_digest import NUMBERS, Ending
from tasks import inbox, people

MESSAGE = "inbox_digest/open"


@process("inbox-digest", subject="inbox:digest")
def inbox_digest() -> str:
    """Tell each colleague in Slack what is open for them: how many questions, and which of them burn most.

    Its schedule starts it each morning; on a day off it ends at once. Nobody is told twice on a day, and who has
    nothing open is not told at all.
    """
    today = clock.local_date(clock.now(), office)
    if not office.is_working_day(today):
        return Ending.DAY_OFF
    readers = inbox.readers(datetime.combine(today, time(), office.zone))
    told = 0
    for person in readers.people:
        waiting = inbox.open_for(person, NUMBERS.most_lines)
        if waiting.total:
            sent = people.tell_in_slack(person, MESSAGE, staff=person.id, **waiting.model_dump())
            told += sent is not None
    ending = f"{Ending.SENT}: {told} told" if told else Ending.NOTHING_NEW
    return f"{ending}, {len(readers.without_slack)} without Slack" if readers.without_slack else ending
