"""nginx serving one folder on loopback: what downloads through the gateway are compared with."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ }}
http {{
  access_log off;
  sendfile on;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[str | None]:
    """nginx's address, or None when it is not installed (Debian: `apt-get install nginx-light`)."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    written = folder / "nginx.conf"
    written.write_text(_CONFIG.format(folder=folder, port=port))
    # Before it reads its configuration it would write to the system's log.
    command = [program, "-p", str(folder), "-c", str(written), "-e", str(folder / "nginx-error.log")]
    with subprocess.Popen(command) as running:
        try:
            _await(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def _await(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
