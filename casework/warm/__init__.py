"""Legs that begin at once: a process that has imported everything forks one for each run.

`wire` is how the worker and that process talk, `preload` is the process, `spawn` starts it, `preloader` is the worker's
hold on it, `releases` knows when its code is no longer the code on disk, `news` is how the worker is told of runs.
`python -m casework.warm` starts both side by side.
"""

__all__ = ["TYPE"]

TYPE = "casework-warm"
"""The worker's type, as work pools name it."""
