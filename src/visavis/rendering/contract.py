"""The renderer contract: push, clear, iterate. The audio clock is the only clock.

Modelled on the avatar seam of LiveKit Agents (``VideoGenerator``): whatever draws a face
implements these three operations and passes the one conformance suite in
``tests/rendering/conformance.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import FaceState

#: Seconds of media sent so far. Monotonic; it advances with the audio samples handed out, in
#: silence too.
AudioClock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """Pushed after the last state of a segment of speech."""

    segment: str


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A picture and the audio time it belongs to.

    Attributes:
        t: Seconds on the audio clock.
        image: uint8 RGB, shape ``(height, width, 3)``. Valid until the next frame is taken from
            the iterator: renderers reuse their buffers.
    """

    t: float
    image: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SegmentFinished:
    """Comes out exactly once for every segment pushed.

    Attributes:
        segment: The id given to :class:`SegmentEnd`.
        position: Audio time of the last state shown.
        interrupted: True if ``clear`` cut the segment short.
    """

    segment: str
    position: float
    interrupted: bool


class FacePainter(Protocol):
    """Draws one FaceState. Synchronous, single-threaded, no clock: the inner half of a renderer."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures in pixels."""
        ...

    def paint(self, state: FaceState) -> NDArray[np.uint8]:
        """Draw the state: uint8 RGB ``(height, width, 3)``, valid until the next call."""
        ...


class Renderer(Protocol):
    """A face that can be driven live."""

    def push(self, item: FaceState | SegmentEnd, *, segment: str | None = None) -> None:
        """Add the next state, in order of ``t``, or end a segment. Never blocks.

        The queue is bounded: when full, the oldest state is dropped. States that belong to speech
        name their segment.
        """
        ...

    def clear(self) -> float:
        """Drop everything not yet shown; answer with the audio time of the last state shown."""
        ...

    def __aiter__(self) -> AsyncIterator[TimedFrame | SegmentFinished]:
        """Frames at the renderer's rate on the audio clock; idle ones when nothing is pushed."""
        ...
