"""What to draw when: the queue of states between animation and drawing. Pure, no clock inside."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from visavis.animation.face_state import FaceState
from visavis.rendering.contract import SegmentEnd, SegmentFinished

#: Two states further apart than this (seconds) are not blended into each other.
MAX_BLEND = 0.1
#: With nothing new for this long the face starts to relax.
HOLD = 0.2
#: Time constants of relaxing: of the expression, and of the head and the gaze.
RELAX_FACE = 0.15
RELAX_HEAD = 1.0
#: After a clear the mouth must stop at once.
RELAX_CLEARED = 0.06
#: Cleared segments remembered, so that their late states are not shown.
REMEMBERED = 256


def blend(a: FaceState, b: FaceState, t: float) -> FaceState:
    """The state at ``t`` between ``a`` and ``b``, linearly."""
    w = np.float32(0.0 if b.t <= a.t else min(max((t - a.t) / (b.t - a.t), 0.0), 1.0))
    return FaceState(
        t,
        a.arkit + (b.arkit - a.arkit) * w,
        a.head + (b.head - a.head) * w,
        a.gaze + (b.gaze - a.gaze) * w,
        a.emotion,
        a.emotion_intensity,
    )


@dataclass(slots=True)
class _Item:
    state: FaceState | None  # None ends the segment
    segment: str | None


class Schedule:
    """States and segment ends in order of time. Thread-safe.

    Args:
        capacity: Most states waiting; when full the oldest is dropped.
    """

    def __init__(self, capacity: int = 600) -> None:
        if capacity < 2:
            raise ValueError(f"capacity must be at least 2, got {capacity}")
        self._capacity = capacity
        self._items: deque[_Item] = deque()
        self._states = 0
        self._lock = threading.Lock()
        self._shown: FaceState | None = None  # newest state whose time has come
        self._last: FaceState | None = None  # what was last drawn
        self._open: dict[str, None] = {}  # segments begun and not finished, in order
        self._ended: deque[str] = deque(maxlen=REMEMBERED)
        self._finished: deque[SegmentFinished] = deque()
        self._newest = -np.inf
        self._cleared_at: float | None = None
        self._position = 0.0
        #: Counts clears: whoever draws compares it before and after.
        self.epoch = 0

    def __len__(self) -> int:
        """States waiting."""
        return self._states

    def push(self, item: FaceState | SegmentEnd, segment: str | None = None) -> None:
        """Add a state or end a segment.

        Raises:
            ValueError: The state's time lies before that of the state pushed before it.
        """
        with self._lock:
            if isinstance(item, SegmentEnd):
                if item.segment in self._ended:
                    return
                self._open[item.segment] = None
                self._ended.append(item.segment)
                self._items.append(_Item(None, item.segment))
                return
            if segment is not None and segment in self._ended:
                return  # late state of a segment that is over or was cleared
            if item.t < self._newest:
                raise ValueError(
                    f"state at {item.t:.3f} s pushed after one at {self._newest:.3f} s: "
                    "push in order of time, or clear first"
                )
            self._newest = item.t
            if segment is not None:
                self._open[segment] = None
            if self._states >= self._capacity:
                for i, waiting in enumerate(self._items):
                    if waiting.state is not None:
                        del self._items[i]
                        self._states -= 1
                        break
            self._items.append(_Item(item, segment))
            self._states += 1

    def clear(self, now: float | None = None) -> float:
        """Drop everything waiting and interrupt all open segments; the last position shown."""
        with self._lock:
            self._items.clear()
            self._states = 0
            for segment in self._open:
                self._finished.append(SegmentFinished(segment, self._position, True))
                if segment not in self._ended:
                    self._ended.append(segment)
            self._open.clear()
            self._newest = -np.inf
            self._shown = self._last
            self._cleared_at = self._last.t if self._last is not None else now
            self.epoch += 1
            return self._position

    def finished(self) -> list[SegmentFinished]:
        """Segments that came to their end since the last call."""
        with self._lock:
            out = list(self._finished)
            self._finished.clear()
            return out

    def at(self, t: float) -> FaceState:
        """The state to draw at audio time ``t``; later calls must have later times."""
        with self._lock:
            while self._items:
                item = self._items[0]
                if item.state is None:
                    assert item.segment is not None
                    self._open.pop(item.segment, None)
                    self._finished.append(SegmentFinished(item.segment, self._position, False))
                elif item.state.t <= t:
                    self._shown = item.state
                    self._cleared_at = None
                    self._position = max(self._position, item.state.t)
                    self._states -= 1
                else:
                    break
                self._items.popleft()
            following = next((i.state for i in self._items if i.state is not None), None)
            self._last = self._between(t, following)
            return self._last

    def _between(self, t: float, following: FaceState | None) -> FaceState:
        shown = self._shown
        if shown is None:
            # nothing yet: ease in from rest when the first state is near
            shown = FaceState(t)
        if self._cleared_at is not None:
            resting = self._relaxed(shown, t, t - self._cleared_at, RELAX_CLEARED)
            if following is not None and following.t - t <= MAX_BLEND:
                resting.t = t - MAX_BLEND
                return blend(resting, following, t)
            return resting
        if following is not None and following.t - shown.t <= MAX_BLEND:
            return blend(shown, following, t)
        return self._relaxed(shown, t, t - shown.t - HOLD, RELAX_FACE)

    @staticmethod
    def _relaxed(state: FaceState, t: float, age: float, constant: float) -> FaceState:
        """The state after ``age`` seconds of letting go."""
        age = max(age, 0.0)
        face = np.float32(np.exp(-age / constant))
        head = np.float32(np.exp(-age / RELAX_HEAD))
        return FaceState(
            t,
            state.arkit * face,
            state.head * head,
            state.gaze * head,
            state.emotion,
            state.emotion_intensity,
        )
