"""A call in a real Chromium: speak, listen, look."""

from __future__ import annotations

import base64
import io
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

HARNESS = (Path(__file__).parent / "harness.js").read_text()
BLOCK = 0.02
#: RMS of full scale from which 20 ms count as audible.
AUDIBLE = 0.005


def wav_bytes(samples: NDArray[np.int16], rate: int) -> bytes:
    """A WAV file in memory."""
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(samples.tobytes())
    return out.getvalue()


@dataclass
class Sound:
    """Received sound in blocks of 20 ms with the page times of their beginnings."""

    times: NDArray[np.float64]
    samples: NDArray[np.int16]  # 48 kHz

    @property
    def loudness(self) -> NDArray[np.float64]:
        if not len(self.times):
            return np.zeros(0)
        blocks = self.samples.reshape(len(self.times), -1).astype(np.float64) / 32768
        return np.sqrt((blocks**2).mean(axis=1))

    def audible_times(self) -> NDArray[np.float64]:
        return self.times[self.loudness > AUDIBLE]


class BrowserCall:
    """Drives the page of one call."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self) -> None:
        self.page.goto(self.url)
        self.page.get_by_test_id("join-button").wait_for(timeout=20_000)

    def join(self) -> None:
        self.page.get_by_test_id("join-button").click()
        self.wait_state("connected")

    def wait_state(self, state: str, timeout: float = 30) -> None:
        self.page.wait_for_function(
            "s => document.body.dataset.callState === s", arg=state, timeout=timeout * 1000
        )

    def now(self) -> float:
        return float(self.page.evaluate("performance.now() / 1000"))

    def say(self, samples: NDArray[np.int16], rate: int) -> tuple[float, float]:
        data = base64.b64encode(wav_bytes(samples, rate)).decode()
        begin, end = self.page.evaluate("d => window.__harness.say(d)", data)
        return float(begin), float(end)

    def sound_since(self, t: float) -> Sound:
        got: dict[str, Any] = self.page.evaluate("t => window.__harness.soundSince(t)", t)
        pcm = np.frombuffer(base64.b64decode(got["pcm"]), np.int16)
        return Sound(np.asarray(got["times"], np.float64), pcm)

    def wait_sound(self, after: float, limit: float = 20) -> float:
        """When the first audible sound after `after` came."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            audible = self.sound_since(after).audible_times()
            if len(audible):
                return float(audible[0])
            self.page.wait_for_timeout(50)
        raise AssertionError(f"nothing was heard within {limit} s")

    def wait_silence(self, seconds: float = 1.0, limit: float = 40) -> float:
        """Wait until nothing was audible for `seconds`; when the last sound was."""
        deadline = time.monotonic() + limit
        begin = self.now()
        while time.monotonic() < deadline:
            now = self.now()
            audible = self.sound_since(now - seconds - 1).audible_times()
            last = float(audible[-1]) if len(audible) else begin
            if now - max(last, begin) >= seconds and not self.speaking():
                return last
            self.page.wait_for_timeout(100)
        raise AssertionError(f"no silence within {limit} s")

    def speaking(self) -> bool:
        """Whether the page says that the face speaks; between two sentences it still does."""
        return bool(self.page.evaluate("!!document.querySelector('[data-mode=speaking]')"))

    def keep_pictures(self, on: bool) -> None:
        self.page.evaluate("on => { window.__harness.keepPictures = on }", on)

    def pictures(self) -> list[tuple[float, NDArray[np.uint8]]]:
        """Kept pictures, RGB, with their times."""
        out = []
        for at, url in self.page.evaluate("window.__harness.pictures"):
            raw = np.frombuffer(base64.b64decode(url.split(",", 1)[1]), np.uint8)
            picture = cv2.cvtColor(cv2.imdecode(raw, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            out.append((float(at), picture))
        return out

    def pictures_received(self) -> int:
        """Video frames received over WebRTC so far."""
        return int(self.page.evaluate("window.__harness.picturesReceived()"))
