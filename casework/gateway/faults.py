"""What goes wrong, told: JSON to machines, a small page to people, and to logs without anybody's data.

The texts of unknown errors may quote what was sent (a database error quotes its parameters), so a log gets
their kind and their place only.
"""

from __future__ import annotations

import re
import traceback
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

from casework.gateway.pages import page
from casework.systems.errors import SystemFault

__all__ = ["NOT_RECORDED", "fault", "told"]

NOT_RECORDED = "Your answer was not recorded: our records cannot be reached just now. Send it again in a moment."

_MACHINES = re.compile(r"/(hooks/.*|health|ready|d/[^/]*/ack)")


def fault(path: str, status: int, sentence: str, retry_after: int | None = None) -> Response:
    """The answer to a request for `path` that cannot be served; `retry_after` in seconds."""
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    if _MACHINES.fullmatch(path):
        title = HTTPStatus(status).phrase
        return JSONResponse({"error": title, "detail": sentence}, status, headers)
    return page("message.html", status, headers, title=HTTPStatus(status).phrase, sentences=[sentence])


def told(error: BaseException) -> str:
    """An error for a log: our own faults in their words, others by kind and place."""
    if isinstance(error, SystemFault):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in reversed(frames[-6:]))
    return f"{type(error).__name__} in {places}"
