"""Finding and running pip and npm."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from visavis.models import programs
from visavis.models.errors import Cancelled, SourceError


@pytest.fixture(autouse=True)
def search_anew() -> Iterator[None]:
    programs.pip.cache_clear()
    yield
    programs.pip.cache_clear()


def test_pip_is_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment that uv made, on a machine without pip: ensurepip's copy is run."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs.importlib.util, "find_spec", lambda name: None)
    command = programs.pip()
    assert command[0] == sys.executable
    assert "ensurepip" in command[1]


def test_pip_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "my pip"
    mine.write_text("#!/bin/sh\nexit 0\n")
    mine.chmod(0o755)
    monkeypatch.setenv("VISAVIS_PIP", f"'{mine}' --isolated")
    assert programs.pip() == (str(mine), "--isolated")


def test_without_any_pip_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_PIP", "no-such-program")
    with pytest.raises(SourceError, match="VISAVIS_PIP") as e:
        programs.pip()
    assert e.value.lasting


def test_without_npm_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SourceError, match=r"Node\.js"):
        programs.npm()


@pytest.mark.parametrize("value", ["https://a/simple", "mine=https://a/simple"])
def test_an_index_for_uv_counts_for_pip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", value)
    assert programs.pip_environment(tmp_path)["PIP_INDEX_URL"] == "https://a/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://b/simple")
    assert "PIP_INDEX_URL" not in programs.pip_environment(tmp_path)


def _run(code: str, work: Path, **options: float) -> list[int]:
    sizes: list[int] = []
    programs.run(
        [sys.executable, "-c", code],
        work=work,
        env={},
        cancel=threading.Event(),
        on_bytes=sizes.append,
        **options,
    )
    return sizes


def test_bytes_are_counted_while_they_arrive(tmp_path: Path) -> None:
    code = (
        "import time\nwith open('f', 'wb') as f:\n"
        "  for _ in range(5): f.write(bytes(1000)); f.flush(); time.sleep(0.2)"
    )
    sizes = _run(code, tmp_path)
    assert len(sizes) >= 3
    assert sizes == sorted(sizes)
    assert sizes[-1] == 5000


def test_a_slow_program_that_progresses_is_not_stalled(tmp_path: Path) -> None:
    code = (
        "import time\nwith open('f', 'wb') as f:\n"
        "  for _ in range(6): f.write(b'x'); f.flush(); time.sleep(0.4)"
    )
    _run(code, tmp_path, stall=1.5)


def test_a_stalled_program_is_stopped_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('pid', 'w').write(str(p.pid))\np.wait()"
    )
    with pytest.raises(SourceError, match="nothing arrived"):
        _run(code, tmp_path, stall=2)
    child = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 5
    while _runs(child):
        assert time.monotonic() < end, "the child still runs"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    if status.exists():  # a zombie waits for its parent only
        return "State:\tZ" not in status.read_text()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc").is_dir()


def test_cancelling_stops_at_once(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        programs.run(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            work=tmp_path,
            env={},
            cancel=cancel,
            on_bytes=lambda _: None,
        )
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("output", "telling", "lasting"),
    [
        ("ERROR: No matching distribution found for x==1", "No matching", True),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken\n"
            "ERROR: No matching distribution found for x==1",
            "No matching",
            False,
        ),
        ("npm error code E404\nnpm error 404 Not Found", "E404", True),
        ("npm error code ENOTFOUND", "ENOTFOUND", False),
        ("OSError: [Errno 28] No space left on device", "the disk is full", True),
        ("ERROR: cannot read https://me:secret@host/simple", "//…@host", False),
        ("", "status 3", False),
    ],
)
def test_failures_are_understood(tmp_path: Path, output: str, telling: str, lasting: bool) -> None:
    with pytest.raises(SourceError) as e:
        _run(f"import sys; sys.stderr.write({output!r}); sys.exit(3)", tmp_path)
    assert telling in str(e.value)
    assert "secret" not in str(e.value)
    assert e.value.lasting is lasting


def test_a_program_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not start"):
        programs.run(
            [str(tmp_path / "none")],
            work=tmp_path,
            env={},
            cancel=threading.Event(),
            on_bytes=lambda _: None,
        )
