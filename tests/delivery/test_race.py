"""Sixteen processes at once claim the same five hundred links: each link has one winner, on either database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from casework.database import connect
from casework.delivery.link import links as link_table
from casework.delivery.links import LinkEvent, Links, LinkState, Refusal, link_events, metadata
from tests.delivery.conftest import SECRET, Clock, sealed_file

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, LINKS = 16, 500


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_one_process_wins_each_link(
    database: str, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    """Sixteen processes give the right code for each of the links; every link has exactly one winner.

    They start together, two at each of eight places in the order of the links, so that no one process is ahead of all.
    The database agrees with what they were told: as many claimed links and claims recorded, and each winner's proof
    opens its link.
    """
    url = f"sqlite:///{tmp_path}/cases.db" if database == "sqlite" else request.getfixturevalue("postgres")
    engine = connect(url)
    metadata.create_all(engine)
    links = Links(engine, SECRET, clock)
    asked: list[tuple[str, str]] = []
    for number in range(LINKS):
        link_id = links.make_ready(
            links.create(sealed_file(f"d-{number}"), clock() + timedelta(days=7)).link_id
        ).link_id
        code = links.issue_code(link_id)
        assert isinstance(code, str)
        asked.append((links.token(link_id), code))
    known = {"url": url, "secret": SECRET.decode(), "at": clock().isoformat()}
    starts = [number // 2 * LINKS // (PROCESSES // 2) for number in range(PROCESSES)]

    with ExitStack() as stack:
        running = []
        for start in starts:
            told = json.dumps(known | {"links": asked[start:] + asked[:start]})
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.delivery.claimant"],
                cwd=ROOT,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdin
            process.stdin.write(told + "\n")
            process.stdin.flush()
            running.append(process)
        for process in running:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [json.loads(process.communicate(timeout=540)[0]) for process in running]

    won = [pair for answer in answers for pair in answer["won"].items()]
    lost = Counter(reason for answer in answers for reason in answer["lost"])
    assert sorted(token for token, _ in won) == sorted(token for token, _ in asked)
    assert lost == {Refusal.ALREADY_CLAIMED: (PROCESSES - 1) * LINKS}
    assert len([answer for answer in answers if answer["won"]]) > 1, "one process alone was quick: there was no race"
    with engine.connect() as connection:
        states = connection.execute(select(link_table.c.state, func.count()).group_by(link_table.c.state)).all()
        claims = select(func.count()).where(link_events.c.event == LinkEvent.CLAIMED)
        assert connection.execute(claims).scalar_one() == LINKS
    assert [tuple(row) for row in states] == [(LinkState.CLAIMED, LINKS)]
    for token, claim in won:
        link = links.find(token)
        assert link is not None
        assert links.authorise(link.link_id, claim) == link
    engine.dispose()
