"""How Intercom refuses: a list of errors with codes, and the id of the request."""

from __future__ import annotations

from casework.sandbox.http import Refusal, json_response


class Problem(Exception):
    """A request that Intercom refuses: its status, a code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def refusal(self, number: int) -> Refusal:
        """The answer."""
        said = {
            "type": "error.list",
            "request_id": f"5a9d0000-0000-4000-8000-{number:012d}",
            "errors": [{"code": self.code, "message": self.message}],
        }
        return Refusal(json_response(self.status, said))
