"""Several ways of one case at once: each goes as far as it can, and the case goes on when all are through.

A question that is open on one way holds up no other, nor does a step there that is parked. In the case file each way
has its name before what is done on it (`windows>morning/1`). What fails in the code itself still stops the whole body.
"""

from __future__ import annotations

from collections.abc import Callable

from casework import body as leg

__all__ = ["together"]


def together(**ways: Callable[[], object]) -> None:
    """Go these ways at once; the names are kept in the case file, so they must not change while cases are open.

    What the ways find out they leave with whoever made them. They are tried in their order in every leg, so a way may
    see what one before it has found in this leg, and must not depend on it. The engine's page shows the form of the
    last way that waits; people have their messages and pages for the others.

    Raises:
        Waiting: at least one of them waits; all have been brought forward.
    """
    body = leg.current()
    waiting: leg.Waiting | None = None
    for name, way in ways.items():
        try:
            with body.way(name):
                way()
        except leg.Waiting as one:
            waiting = one
    if waiting is not None:
        raise waiting
