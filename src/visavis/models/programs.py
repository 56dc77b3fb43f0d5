"""Running pip and npm, which know the user's indexes, proxies, mirrors and credentials."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from visavis.models.errors import Cancelled, SourceError

#: Seconds without a single new byte after which a download is given up.
STALL = 120.0
_POLL = 0.1


def run(
    command: Sequence[str],
    *,
    work: Path,
    env: Mapping[str, str],
    cancel: threading.Event,
    on_bytes: Callable[[int], None],
    stall: float = STALL,
) -> None:
    """Run a program that downloads into the folder `work`, to its end.

    `on_bytes` hears how many bytes the folder holds. The program gets its own process group, so
    that Ctrl-C reaches only us and stopping reaches all of it.

    Raises:
        SourceError: it failed, or nothing arrived for `stall` seconds.
        Cancelled: `cancel` was set.
    """
    log = work / "log.txt"
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(
                list(command),
                cwd=work,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as e:
            raise SourceError(f"{command[0]} does not start: {e}", lasting=True) from e
        try:
            _watch(process, work, cancel, on_bytes, stall)
        finally:
            _stop(process)
    if process.returncode != 0:
        raise _failure(log.read_text(errors="replace"), process.returncode)


def _watch(
    process: subprocess.Popen[bytes],
    work: Path,
    cancel: threading.Event,
    on_bytes: Callable[[int], None],
    stall: float,
) -> None:
    seen, since = 0, time.monotonic()
    while process.poll() is None:
        if cancel.wait(_POLL):
            raise Cancelled
        size = folder_size(work)
        if size != seen:
            seen, since = size, time.monotonic()
            on_bytes(size)
        elif time.monotonic() - since > stall:
            raise SourceError(f"nothing arrived for {stall:.0f} seconds")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process group if it still runs: politely, then not."""
    if process.poll() is not None:
        return
    for polite in (True, False):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                process.terminate() if polite else process.kill()
            else:
                os.killpg(process.pid, signal.SIGTERM if polite else signal.SIGKILL)
        try:
            process.wait(5)
            return
        except subprocess.TimeoutExpired:
            continue


def folder_size(folder: Path) -> int:
    """Bytes in all files below `folder`; files that vanish meanwhile count nothing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).stat().st_size
    return total


_LASTING = re.compile(r"E404|No matching distribution found|not a valid package name|ETARGET", re.I)
_NETWORK = re.compile(r"Retrying|timed? ?out|connection|ENOTFOUND|ECONN|EAI_AGAIN|resolve", re.I)
_CREDENTIALS = re.compile(r"(?<=//)[^/\s@]+@")


def _failure(log: str, code: int) -> SourceError:
    if "No space left on device" in log or "ENOSPC" in log:
        return SourceError("the disk is full", lasting=True)
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [s for s in lines if re.match(r"(npm )?err(or)?[ !:]", s, re.I)] or lines[-1:]
    text = " ".join(dict.fromkeys(telling[:2])) or f"it ended with status {code}"
    lasting = bool(_LASTING.search(log)) and not _NETWORK.search(log)
    return SourceError(_CREDENTIALS.sub("…@", text)[:400], lasting=lasting)


@functools.cache
def pip() -> tuple[str, ...]:
    """A command that runs pip.

    Environments made by uv have none, so after `$VISAVIS_PIP` and this Python's own pip come one
    on the PATH, the copy that Python carries for `ensurepip` (run in place, nothing is installed;
    slower to start), and the one uv can run. Which Python a pip belongs to does not matter here.

    Raises:
        SourceError: there is none anywhere.
    """
    for command in _pips():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run([*command, "--version"], capture_output=True, timeout=60)
            if done.returncode == 0:
                return tuple(command)
    raise SourceError(
        "no pip was found to download with; install one (python -m ensurepip, or uv pip install "
        "pip), or name it in VISAVIS_PIP",
        lasting=True,
    )


def _pips() -> Iterator[list[str]]:
    if named := os.environ.get("VISAVIS_PIP"):
        yield shlex.split(named)
        return
    if importlib.util.find_spec("pip"):
        yield [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            yield [found]
    with contextlib.suppress(ImportError):
        import ensurepip

        for wheel in sorted(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")):
            # A wheel is a zip file, and Python runs a package inside a zip file.
            yield [sys.executable, str(wheel / "pip")]
    if uv := shutil.which("uv"):
        yield [uv, "tool", "run", "pip"]


def pip_environment(temporary: Path) -> dict[str, str]:
    """What pip's environment needs beside the user's own settings."""
    env = {
        "TMPDIR": str(temporary),
        "TEMP": str(temporary),
        "TMP": str(temporary),
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    # People who configured an index for uv alone mean it for us too.
    for theirs in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if (index := os.environ.get(theirs)) and "PIP_INDEX_URL" not in os.environ:
            # uv allows `name=url`.
            env["PIP_INDEX_URL"] = re.sub(r"^[A-Za-z0-9_-]+=(?=https?:)", "", index)
            break
    return env


def npm() -> str:
    """The npm program.

    Raises:
        SourceError: it is not installed.
    """
    if found := shutil.which("npm"):
        return found
    raise SourceError("npm is not installed; it comes with Node.js", lasting=True)
