"""Every test gets an empty home, and a web server when it asks for one."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.builders import Site


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home; no setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_", "npm_config", "NPM_CONFIG", "VISAVIS_", "HF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    folder = tmp_path / "home"
    monkeypatch.setenv("VISAVIS_HOME", str(folder))
    return folder


@pytest.fixture
def site() -> Iterator[Site]:
    it = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path
            wanted = self.headers.get("Range")
            it.requests.append((path, wanted))
            if it.statuses.get(path):
                self.send_error(it.statuses[path].pop(0))
                return
            if path not in it.pages:
                self.send_error(404)
                return
            data, start = it.pages[path], 0
            if it.ranges and wanted and (m := re.match(r"bytes=(\d+)-$", wanted)):
                start = int(m[1])
                if start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            body = data[start:]
            self.send_header("Content-Length", str(len(body)))
            html = path.endswith("/")
            self.send_header("Content-Type", "text/html" if html else "application/octet-stream")
            self.end_headers()
            if it.cuts.get(path):
                body = body[: it.cuts[path].pop(0)]
            if path in it.held:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                it.held[path].wait(60)
                body = body[len(body) // 2 :]
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            # The other side may give up, as some tests intend.
            with contextlib.suppress(ConnectionError):
                super().handle()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    it.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield it
    for event in it.held.values():
        event.set()
    server.shutdown()
    thread.join()
    server.server_close()
