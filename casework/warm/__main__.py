"""A worker that is soon there: `python -m casework.warm --pool casework`.

Takes what `prefect worker start` takes, and is that, but for a preloader that is begun before anything is imported.
"""

from __future__ import annotations

import sys

from casework.warm import TYPE
from casework.warm.spawn import spawn_early


def main() -> None:
    """Run Prefect's own command."""
    spawn_early()
    from prefect.cli import app

    sys.argv[1:1] = ["worker", "start", "--type", TYPE]
    app()


if __name__ == "__main__":
    main()
