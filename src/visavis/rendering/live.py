"""A live renderer: draws on time, or not at all."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from visavis.animation.face_state import FaceState
from visavis.rendering.contract import (
    AudioClock,
    FacePainter,
    SegmentEnd,
    SegmentFinished,
    TimedFrame,
)
from visavis.rendering.schedule import Schedule

#: Longest sleep between looks at the audio clock, seconds: it moves in steps of audio packets.
MAX_SLEEP = 0.01
MIN_SLEEP = 0.001


class LiveRenderer:
    """Implements :class:`visavis.rendering.contract.Renderer` around any painter.

    Painting happens in one thread of its own; the painter is never called from elsewhere. When
    painting takes longer than a frame lasts, frames are skipped rather than shown late.

    Args:
        painter: Draws one state.
        clock: The audio clock.
        fps: Frames per second of audio, 1..120.
        capacity: Most states waiting; when full the oldest is dropped.
    """

    def __init__(
        self, painter: FacePainter, clock: AudioClock, fps: float = 30.0, capacity: int = 600
    ) -> None:
        if not 1 <= fps <= 120:
            raise ValueError(f"fps must be between 1 and 120, got {fps}")
        self._painter = painter
        self._clock = clock
        self._fps = fps
        self._schedule = Schedule(capacity)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="face-painter")
        self._iterating = False
        self._closed = False
        #: Frames handed out, and frame times that passed without one.
        self.frames = 0
        self.skipped = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures in pixels."""
        return self._painter.size

    @property
    def fps(self) -> float:
        """Frames per second of audio."""
        return self._fps

    def push(self, item: FaceState | SegmentEnd, *, segment: str | None = None) -> None:
        """Add the next state, in order of ``t``, or end a segment. Never blocks."""
        self._schedule.push(item, segment)

    def clear(self) -> float:
        """Drop everything not yet shown; answer with the audio time of the last state shown."""
        return self._schedule.clear(self._clock())

    async def __aiter__(self) -> AsyncIterator[TimedFrame | SegmentFinished]:
        """Frames at the renderer's rate on the audio clock until :meth:`aclose`."""
        if self._iterating:
            raise RuntimeError("this renderer is already being iterated")
        self._iterating = True
        loop = asyncio.get_running_loop()
        index = math.ceil(self._clock() * self._fps - 1e-6)
        try:
            while not self._closed:
                for done in self._schedule.finished():
                    yield done
                now = self._clock()
                wait = index / self._fps - now
                if wait > 1e-6:
                    await asyncio.sleep(min(max(wait, MIN_SLEEP), MAX_SLEEP))
                    continue
                latest = math.floor(now * self._fps + 1e-6)
                if latest > index:
                    self.skipped += latest - index
                    index = latest
                t = index / self._fps
                epoch = self._schedule.epoch
                state = self._schedule.at(t)
                image = await loop.run_in_executor(self._worker, self._painter.paint, state)
                if self._closed:
                    break
                if epoch != self._schedule.epoch:
                    continue  # cleared while painting: this picture must not be seen
                index += 1
                self.frames += 1
                yield TimedFrame(t, image)
        finally:
            self._iterating = False

    async def aclose(self) -> None:
        """Stop iterating and end the painting thread."""
        self._closed = True
        # a picture being painted is finished, or its awaiter would be cancelled
        await asyncio.to_thread(self._worker.shutdown, True)
