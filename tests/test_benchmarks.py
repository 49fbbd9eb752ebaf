"""The benchmarks can be run: at small sizes, for what they check rather than for what they measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench_delivery import MB, Sizes, measure
from benchmarks.browser import fetch
from benchmarks.delivery_site import write_plain
from benchmarks.nginx import nginx


@pytest.mark.slow
def test_delivery() -> None:
    """Files go through every vault and the gateway, links are claimed at once, and all that is claimed is measured."""
    told = measure(Sizes({"folder": 3 * MB, "dropbox": 3 * MB, "s3": 3 * MB}, links=4, each=100_000, alone_mib=4))
    assert all(one.value > 0 for one in told)
    names = [one.what for one in told]
    assert len(set(names)) == len(names)
    for what in ("downloaded", "sealed and uploaded", "memory at most", "landing page, p99", "to certificate"):
        assert any(what in name for name in names), what


def test_nginx_serves_a_folder(tmp_path: Path) -> None:
    """What downloads are compared with is nginx itself, where it is installed."""
    with nginx(tmp_path) as address:
        if address is None:
            pytest.skip("nginx is not installed: apt-get install nginx-light")
        plain = write_plain(tmp_path / "plain", 100_000)
        assert fetch(address, "/plain", plain) == plain.size
