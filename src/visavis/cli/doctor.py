"""`visavis doctor`: what this machine has and lacks, and how to mend it.

Nothing here needs the rest of the system to be importable: each runtime is tried in a process of
its own, because a library built for another processor does not raise, it kills.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis import models
from visavis.models.pulling import space_needed

if TYPE_CHECKING:
    from visavis.config import Settings


class Status(StrEnum):
    """How a check came out."""

    OK = "ok"
    #: Something optional is missing, or something will be slow.
    WARN = "warn"
    #: The system does not work without it.
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One line of the report: what was found and, unless all is well, how to mend it."""

    name: str
    status: Status
    found: str
    cure: str = ""


#: Distributed runtimes: importable name → what it does, and whether the system needs it.
_RUNTIMES = {
    "xllamacpp": ("runs the language model", True),
    "ctranslate2": ("runs speech recognition", True),
    "onnxruntime": ("runs speech synthesis and voice activity", True),
    "ai_edge_litert.interpreter": ("runs face tracking", True),
    "cv2": ("draws and warps pictures", True),
    "aiortc": ("carries the call", True),
}
_ENCODERS = {
    "libopus": ("audio of calls", True),
    "libvpx": ("video of calls, VP8", True),
    "libx264": ("video files and calls, H.264", False),
}
_REINSTALL = "Reinstall the dependencies: make install"


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Also hash the weights.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this machine. Exits with 1 when something required is missing or broken."""
    checks = list(examine(deep=deep))
    failed = any(c.status is Status.FAIL for c in checks)
    if as_json:
        report = {"ok": not failed, "checks": [asdict(c) for c in checks]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(checks, failed)
    if failed:
        raise typer.Exit(1)


def examine(*, deep: bool = False) -> Iterator[Check]:
    """Run every check; a check that itself breaks is reported as failed."""
    settings, configuration = _settings()
    yield from _guarded("machine", machine)
    yield configuration
    yield from _guarded("weights", lambda: weights(settings, deep=deep))
    yield from _guarded("disk", disk)
    if settings:
        host, port = settings.server.host, settings.server.port
        yield from _guarded("port", lambda: iter([free_port(host, port)]))
    yield from _guarded("runtimes", runtimes)
    yield from _guarded("encoders", encoders)
    yield from _guarded("page", page)
    yield from _guarded("extras", lambda: extras(settings))


def _guarded(name: str, check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from check()
    except Exception as e:
        yield Check(name, Status.FAIL, f"{type(e).__name__}: {e}", _REINSTALL)


def _settings() -> tuple[Settings | None, Check]:
    try:
        from visavis.config import config_file, load_settings

        settings = load_settings()
        where = config_file()
    except ImportError as e:
        return None, Check("configuration", Status.FAIL, f"cannot be read: {e}", _REINSTALL)
    except Exception as e:
        return None, Check("configuration", Status.FAIL, str(e), "Correct it as the message says.")
    return settings, Check("configuration", Status.OK, str(where or "defaults"))


def machine() -> Iterator[Check]:
    """Python, processor and memory."""
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        yield Check("python", Status.OK, version)
    else:
        yield Check("python", Status.FAIL, version, "Use Python 3.11, 3.12 or 3.13.")

    import psutil

    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    status = Status.OK if cores >= 2 else Status.WARN
    yield Check("cores", status, str(cores), "" if cores >= 2 else "Two or more keep up live.")

    memory = psutil.virtual_memory()
    found = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB available"
    if memory.available >= 4e9:
        yield Check("memory", Status.OK, found)
    else:
        cure = "4 GB are wanted: close programs, or use the small models (pull --profile small)."
        yield Check("memory", Status.WARN, found, cure)

    if platform.machine().lower() in {"x86_64", "amd64"}:
        if _has_avx2():
            yield Check("avx2", Status.OK, "present")
        else:
            cure = "The models run several times slower here; a newer processor helps."
            yield Check("avx2", Status.WARN, "this processor has none", cure)


def _has_avx2() -> bool:
    # NumPy asks the processor itself, on every system; there is no public way to its answer.
    try:
        numpy = import_module("numpy._core._multiarray_umath")
    except ImportError:  # NumPy 1
        numpy = import_module("numpy.core._multiarray_umath")
    return bool(numpy.__cpu_features__.get("AVX2"))


def needed_weights(settings: Settings | None) -> set[str]:
    """The artifacts that the configured services use."""
    needed = {"face-mediapipe"}
    if settings is None:
        return needed
    from visavis.config import LocalLLM, LocalSTT, LocalTTS

    if isinstance(settings.llm, LocalLLM) and not settings.llm.base_url:
        needed.add(settings.llm.model)
    if isinstance(settings.stt, LocalSTT):
        needed.add(settings.stt.model)
    if isinstance(settings.tts, LocalTTS):
        needed.add("g2p-en")
        engine = (settings.tts.voice or settings.persona.voice).partition(":")[0]
        needed.add("tts-piper-joe" if engine == "piper" else "tts-kokoro")
    return needed


def weights(settings: Settings | None, *, deep: bool) -> Iterator[Check]:
    """Every artifact, by size or, when `deep`, by hash."""
    needed = needed_weights(settings)
    for artifact in models.load().artifacts.values():
        state = models.state(artifact)
        if state is models.State.PRESENT and deep and models.verify(artifact):
            state = models.State.CORRUPT
        name, required = f"weights {artifact.name}", artifact.name in needed
        if state is models.State.PRESENT:
            yield Check(name, Status.OK, "verified" if deep else "present")
        elif required or state is models.State.CORRUPT:
            repair = "--repair " if state is models.State.CORRUPT else ""
            status = Status.FAIL if required else Status.WARN
            yield Check(name, status, str(state), f"visavis models pull {repair}{artifact.name}")


def disk() -> Iterator[Check]:
    """Room for the weights that are still missing, and to work."""
    folder = models.models_folder()
    place = next(p for p in (folder, *folder.parents) if p.exists())
    if not os.access(place, os.W_OK):
        cure = "Set VISAVIS_HOME to a folder you may write."
        yield Check("disk", Status.FAIL, f"{place} is not writable", cure)
        return
    free = shutil.disk_usage(place).free
    need = space_needed(models.load().select(profile="default")) + 1e9
    found = f"{free / 1e9:.1f} GB free in {place}"
    if free >= need:
        yield Check("disk", Status.OK, found)
    else:
        cure = f"{need / 1e9:.1f} GB are wanted: free some, or set VISAVIS_HOME to a larger disk."
        yield Check("disk", Status.WARN, found, cure)


def free_port(host: str, port: int) -> Check:
    """Whether the server could listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        if os.name == "posix":  # elsewhere this option would let us steal a port in use
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError as e:
            if e.errno == errno.EADDRINUSE:
                found = "another program (or a running server of ours) listens there"
            else:
                found = e.strerror or str(e)
            cure = f"Stop it, or choose another port: visavis up --port {port % 65535 + 1}"
            return Check(f"port {port}", Status.WARN, found, cure)
    return Check(f"port {port}", Status.OK, "free")


def runtimes() -> Iterator[Check]:
    """Whether each compiled runtime loads, tried in processes of their own."""
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(_try_import, _RUNTIMES)
        for (module, (purpose, required)), fault in zip(_RUNTIMES.items(), results, strict=True):
            name = f"runtime {module.partition('.')[0]}"
            if not fault:
                yield Check(name, Status.OK, "loads")
            else:
                status = Status.FAIL if required else Status.WARN
                yield Check(name, status, fault, f"It {purpose}. {_REINSTALL}")


def _try_import(module: str) -> str:
    """What goes wrong when a fresh Python imports `module`; "" when nothing."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            capture_output=True,
            timeout=120,
            text=True,
            errors="replace",
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return "importing it did not end within two minutes"
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"importing it kills Python (signal {-done.returncode}); built for another processor"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"importing it ends Python with status {done.returncode}"


def encoders() -> Iterator[Check]:
    """Whether each encoder really encodes."""
    for codec, (purpose, required) in _ENCODERS.items():
        try:
            size = _encode_once(codec)
            found = "works" if size else "gives no data"
        except Exception as e:
            size, found = 0, f"{type(e).__name__}: {e}"
        status = Status.OK if size else Status.FAIL if required else Status.WARN
        cure = f"For the {purpose}; the PyAV wheels carry it: pip install --force-reinstall av"
        yield Check(f"encoder {codec}", status, found, "" if size else cure)


def _encode_once(codec: str) -> int:
    """Encode a tenth of a second; the number of bytes that come out."""
    from fractions import Fraction

    import av
    import numpy as np

    # The class, and with it the attributes, depends on the codec.
    context: Any = av.CodecContext.create(codec, "w")
    packets = []
    if codec == "libopus":
        context.sample_rate, context.layout, context.format = 48_000, "mono", "s16"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        sound.sample_rate, sound.pts, sound.time_base = 48_000, 0, Fraction(1, 48_000)
        context.open()
        # Opus takes frames of its own length only.
        fifo = av.AudioFifo()
        fifo.write(sound)
        while frame := fifo.read(context.frame_size):
            packets += context.encode(frame)
    else:
        context.width, context.height, context.pix_fmt = 64, 64, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
        for i in range(3):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 80 * i, np.uint8), "rgb24")
            picture = picture.reformat(format="yuv420p")
            picture.pts, picture.time_base = i, Fraction(1, 30)
            packets += context.encode(picture)
    packets += context.encode(None)
    return sum(p.size for p in packets)


def page() -> Iterator[Check]:
    """The built web app, and what builds it."""
    import visavis

    if (Path(visavis.__file__).parent / "web_dist" / "index.html").is_file():
        yield Check("web page", Status.OK, "built")
        return
    node = shutil.which("node")
    cure = "Build it: make web" if node else "Install Node.js 20 or newer, then: make web"
    yield Check("web page", Status.FAIL, "not built", cure)


def extras(settings: Settings | None) -> Iterator[Check]:
    """What only some people need."""
    piper_wanted = "tts-piper-joe" in needed_weights(settings)
    if importlib.util.find_spec("piper"):
        yield Check("piper", Status.OK, "installed")
    else:
        status = Status.FAIL if piper_wanted else Status.WARN
        cure = "For Piper voices: pip install 'visavis[piper]' (GPL-3.0, a separate program)"
        yield Check("piper", status, "not installed (optional)", cure)
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    if found := next(filter(None, map(shutil.which, names)), None):
        yield Check("chromium", Status.OK, found)
    else:
        cure = "For the browser tests only: apt install chromium, or playwright install chromium"
        yield Check("chromium", Status.WARN, "not installed (optional)", cure)


def _print(checks: list[Check], failed: bool) -> None:
    colours = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}
    width = max(len(c.name) for c in checks)
    for check in checks:
        mark = typer.style(f"{check.status:<4}", fg=colours[check.status])
        typer.echo(f"{mark}  {check.name:<{width}}  {check.found}")
        if check.cure:
            typer.echo(f"{'':{width + 8}}→ {check.cure}")
    if failed:
        typer.secho("Something required is missing; see the lines marked fail.", fg="red")
    else:
        typer.secho("All that is required is here.", fg="green")
