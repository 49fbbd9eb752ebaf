"""The reps: their days and queues, as the settings name them."""

from __future__ import annotations

from casework import clock
from casework.step import lookup, rota
from casework.systems.errors import NotFound
from policies import rep_days
from policies.rota import Rostered

__all__ = ["all_of_them", "rep", "today_of", "week_of"]


@lookup
def rep(rep_id: str) -> Rostered:
    """One rep, as they are in the settings when a case first asks.

    Raises:
        NotFound: the settings name nobody with this id.
    """
    return _known(rep_id)


@lookup
def all_of_them() -> tuple[str, ...]:
    """The ids of the reps."""
    return tuple(rota())


def today_of(rep: str) -> str:
    """What a support day that starts now is about: the rep and the date that their calendar shows."""
    return f"rep:{rep}:{_known(rep).today(clock.present()).isoformat()}"


def week_of(rep: str) -> str:
    """What a review of hours that starts now is about: the rep and the Monday of the week in their calendar."""
    return f"rep:{rep}:week:{rep_days.week_of(_known(rep).today(clock.present()))[0].isoformat()}"


def _known(rep_id: str) -> Rostered:
    known = rota().get(rep_id)
    if not isinstance(known, Rostered):
        raise NotFound("settings", f"find the rep {rep_id}", "name them under [[reps]]")
    return known
