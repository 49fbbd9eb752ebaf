"""A peer: Prefect's `serve`, which runs the asking process in processes that its runner starts."""

from __future__ import annotations

from prefect.types.entrypoint import EntrypointType

from benchmarks.asker import asker

NAME = "served"

if __name__ == "__main__":
    asker.serve(name=NAME, entrypoint_type=EntrypointType.MODULE_PATH, print_starting_message=False)
