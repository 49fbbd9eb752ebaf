"""One of many processes that all claim the same links, each with the right code; says which it won."""

from __future__ import annotations

import json
import sys
from datetime import datetime

from casework.database import connect
from casework.delivery.links import ClaimToken, Links


def main() -> None:
    """Read what is to be claimed, say that this process is ready, and go when told to."""
    told = json.loads(sys.stdin.readline())
    at = datetime.fromisoformat(told["at"])
    engine = connect(told["url"])
    links = Links(engine, told["secret"].encode(), lambda: at)
    say("ready")
    sys.stdin.readline()
    answers = [(token, links.claim(token, code)) for token, code in told["links"]]
    won = {token: answer.value for token, answer in answers if isinstance(answer, ClaimToken)}
    engine.dispose()
    say(json.dumps({"won": won, "lost": [str(answer) for _, answer in answers if not isinstance(answer, ClaimToken)]}))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
