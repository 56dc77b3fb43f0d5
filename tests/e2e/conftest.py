"""The real server and a real browser."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import soxr
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, sync_playwright

from tests.e2e.browser_call import HARNESS, BrowserCall
from visavis.models import path as model_path

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "artifacts" / "e2e"
CHROMIUM = next((p for n in ("chromium", "chromium-browser") if (p := shutil.which(n))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
#: The same with WebGL2, drawn by the processor where there is no graphics card.
GL_FLAGS = [
    *(f for f in FLAGS if f != "--disable-gpu"),
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.weights)


@dataclass
class Server:
    """A running ``visavis up``."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def status(self) -> dict[str, object]:
        return httpx.get(f"{self.url}/api/status", timeout=5).json()  # type: ignore[no-any-return]

    def language_model(self) -> psutil.Process:
        """The language model's process."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if any("llm_process" in part for part in child.cmdline()):
                return child
        raise AssertionError("the language model's process is not there")

    def wait_sessions(self, count: int, limit: float) -> float:
        """Seconds until `count` sessions run."""
        begin = time.monotonic()
        while time.monotonic() - begin < limit:
            if self.status()["sessions"] == count:
                return time.monotonic() - begin
            time.sleep(0.1)
        raise AssertionError(f"still {self.status()['sessions']} sessions after {limit} s")


def start_server(log: Path, **environment: str) -> Server:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    out = log.open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "visavis.cli", "up", "--port", str(port), "--verbose"],
        cwd=log.parent,  # no visavis.toml here
        env={**os.environ, **environment},
        stdout=out,
        stderr=subprocess.STDOUT,
    )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended:\n{log.read_text()[-3000:]}")
        try:
            if server.status()["ready"]:
                return server
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    process.kill()
    raise AssertionError(f"the server was not ready in time:\n{log.read_text()[-3000:]}")


def stop_server(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(20)
    except subprocess.TimeoutExpired:
        server.process.kill()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    folder = tmp_path_factory.mktemp("server")
    running = start_server(folder / "server.log", VISAVIS_SERVER__DRAIN_TIMEOUT="2")
    yield running
    stop_server(running)
    shutil.copy(running.log, ARTIFACTS / "server.log")


@pytest.fixture(scope="package")
def chromium() -> Iterator[BrowserType]:
    """Launches browsers; there is one Playwright to a thread.

    It ends with this package: while it lives, this thread counts as running an event loop, and no
    asynchronous test can.
    """
    with sync_playwright() as p:
        yield p.chromium


@pytest.fixture(scope="package")
def browser(chromium: BrowserType) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("Chromium is not installed: sudo apt-get install chromium")
    launched = chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield launched
    launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(
        viewport={"width": 960, "height": 600}, permissions=["microphone", "camera"]
    )
    made.add_init_script(HARNESS)
    yield made
    made.close()


@pytest.fixture
def browser_without_devices(chromium: BrowserType) -> Iterator[BrowserContext]:
    """A browser that has no microphone and no camera to give."""
    flags = [f for f in FLAGS if "media-stream" not in f]
    launched = chromium.launch(executable_path=CHROMIUM, args=flags)
    yield launched.new_context(viewport={"width": 390, "height": 844})
    launched.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def caller(server: Server, page: Page) -> Iterator[BrowserCall]:
    server.wait_sessions(0, limit=15)
    yield BrowserCall(page, server.url)
    page.close()
    server.wait_sessions(0, limit=15)


@pytest.fixture(scope="session")
def spoken() -> Callable[[str], tuple[NDArray[np.int16], int]]:
    """Say a sentence in a voice that is not the face's; 24 kHz."""
    from visavis.speech import open_synthesizer

    made: dict[str, tuple[NDArray[np.int16], int]] = {}
    voice = open_synthesizer("piper:joe")

    def say(text: str) -> tuple[NDArray[np.int16], int]:
        if text not in made:
            speech = voice.synthesize(text)
            made[text] = (speech.audio, speech.sample_rate)
        return made[text]

    return say


@pytest.fixture(scope="session")
def hear() -> Callable[[NDArray[np.int16], int], str]:
    """What a speech recogniser understands, in lower case."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(model_path("stt-whisper-base")), device="cpu", compute_type="int8")

    def transcribe(samples: NDArray[np.int16], rate: int) -> str:
        audio = soxr.resample(samples.astype(np.float32) / 32768, rate, 16_000)
        segments, _ = model.transcribe(audio, language="en", beam_size=5)
        return " ".join(s.text for s in segments).lower()

    return transcribe
