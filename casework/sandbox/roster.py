"""Who is who in the sandbox, by names of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casework.sandbox.http import Json

if TYPE_CHECKING:
    from casework.sandbox.world import World


def known(world: World, table: str, name: str) -> Json:
    """An entry of the roster's table.

    Raises:
        LookupError: it has nobody of this name.
    """
    found: Json | None = world.state["roster"][table].get(name)
    if found is None:
        raise LookupError(f"nobody called {name!r} among the {table}; seed the world first?")
    return found
