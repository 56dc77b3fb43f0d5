"""Speech for adapters, and a bench that feeds it to one."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod

import numpy as np

from tests.rendering.conformance import Bench, RecordingPainter
from visavis.animation.animator import Animator
from visavis.animation.face_state import ARKIT_INDEX, FaceState

RATE = 24_000
#: Of the frames that voices send, seconds.
CHUNK = 0.05
LOUD = 3000


def voice(seconds: float, rate: int = RATE) -> np.ndarray:
    """A loud /a/ again and again, with some melody: int16 mono."""
    t = np.arange(round(seconds * rate)) / rate
    turns = 130 * t + np.sin(2 * np.pi * 3 * t) / 2  # of the vocal folds
    wave = np.zeros(len(t))
    for k in range(1, 30):
        formants = sum(
            level / (1 + ((130 * k - hz) / width) ** 2)
            for hz, width, level in ((750, 90, 1.0), (1250, 110, 0.6), (2600, 160, 0.25))
        )
        wave += formants * np.sin(2 * np.pi * k * turns)
    syllables = 0.25 + 0.75 * np.abs(np.sin(2 * np.pi * 2.2 * t + 0.5))
    return (9000 * wave * syllables).astype(np.int16)


class RulerAnimator(Animator):
    """Opens the mouth, when asked to, by where in the speech it is."""

    ruled = False

    def state(self, t: float, speech_t: float | None) -> FaceState:
        state = super().state(t, speech_t)
        if self.ruled:
            state.arkit[ARKIT_INDEX["jawOpen"]] = (speech_t or 0.0) % 1.0
        return state


class AdapterBench(Bench):
    """A host that plays what an adapter hands it: sound after sound, pictures at once."""

    reports_interruptions = False

    def __init__(self, painter: RecordingPainter) -> None:
        super().__init__(painter)
        self.animator = RulerAnimator()
        self.task: asyncio.Task[None] | None = None
        self.playing_until = 0.0
        self._ended: list[tuple[str, bool]] = []
        self.pushed = self.heard = 0.0  # seconds

    @property
    def ended(self) -> list[tuple[str, bool]]:
        return self._ended

    @property
    def now(self) -> float:
        return time.monotonic()

    @property
    def waiting(self) -> float:
        return self.pushed - self.heard

    def rule(self) -> None:
        self.animator.ruled = True

    async def advance(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def speak(self, segment: str, seconds: float) -> None:
        samples = voice(seconds)
        for at in range(0, len(samples), round(CHUNK * RATE)):
            piece = samples[at : at + round(CHUNK * RATE)]
            await self.push(segment, piece)
            self.pushed += len(piece) / RATE

    @abstractmethod
    async def push(self, segment: str, samples: np.ndarray) -> None: ...

    def play(self, audio: bytes, rate: int) -> float:
        """Note a sound that is played behind those before it; when it begins."""
        samples = np.abs(np.frombuffer(audio, np.int16).astype(int))
        begin = max(self.playing_until, self.now)
        self.playing_until = begin + len(samples) / rate
        self.sounds.append((begin, self.playing_until, bool((samples > LOUD).any())))
        self.heard += len(samples) / rate
        return begin

    def drop(self) -> None:
        """What waits to be played is dropped."""
        self.sounds = [s for s in self.sounds if s[0] <= self.now]
        self.playing_until = self.now

    def show(self, red: int) -> None:
        self.reds.append((self.now, red))
