"""When the eyes blink, and how the lids move."""

from __future__ import annotations

from collections import deque

import numpy as np

from visavis.animation.smoothing import ease
from visavis.animation.style import ModeStyle, Style

#: Seconds a lid takes to close, stays closed, and takes to open: a spontaneous blink closes about
#: twice as fast as it opens (Evinger, Manning & Sibony 1991; VanderWerf et al. 2003).
CLOSING, CLOSED, OPENING = 0.095, 0.02, 0.18
_LENGTH = CLOSING + CLOSED + OPENING
#: No two blinks begin closer than this, except the pair of a double blink.
_REFRACTORY = 0.45


def lid(since: float) -> float:
    """How far a full blink has closed the eye, 0..1, `since` seconds after its beginning."""
    if since <= 0.0 or since >= _LENGTH:
        return 0.0
    if since < CLOSING:
        return ease(since / CLOSING)
    if since < CLOSING + CLOSED:
        return 1.0
    # The lid opens quickly at first and settles slowly.
    return 1.0 - ease(((since - CLOSING - CLOSED) / OPENING) ** 0.8)


class Blinking:
    """Blinks at natural intervals, and on demand.

    Args:
        rng: The source of chance.
        style: Manner of behaving.
    """

    def __init__(self, rng: np.random.Generator, style: Style) -> None:
        self._rng = rng
        self._style = style
        self._next: float | None = None
        self._starts: deque[float] = deque(maxlen=4)
        self._depths: deque[float] = deque(maxlen=4)

    def _interval(self, mode: ModeStyle) -> float:
        draw = self._rng.normal(np.log(mode.blink_interval), self._style.blink_spread)
        return max(float(np.exp(draw)), 0.6)

    def now(self, t: float, mode: ModeStyle) -> bool:
        """Blink at `t` (s), unless a blink has just been; answers whether it does."""
        if self._starts and t - self._starts[-1] < _REFRACTORY:
            return False
        self._begin(t)
        if self._rng.random() < self._style.double_blink:
            self._begin(t + _LENGTH + float(self._rng.uniform(0.0, 0.06)))
        self._next = t + self._interval(mode)
        return True

    def _begin(self, t: float) -> None:
        self._starts.append(t)
        # Most blinks close fully; some are incomplete.
        self._depths.append(1.0 if self._rng.random() < 0.85 else float(self._rng.uniform(0.7, 1)))

    def at(self, t: float, mode: ModeStyle) -> float:
        """How far the lids are closed at `t`, 0..1. Call with `t` not decreasing."""
        if self._next is None:
            self._next = t + self._interval(mode) * float(self._rng.uniform(0.3, 1.0))
        while t >= self._next:
            due = self._next
            if not self.now(due, mode):
                self._next = due + self._interval(mode)
        closed = [d * lid(t - s) for s, d in zip(self._starts, self._depths, strict=True)]
        return max(closed, default=0.0)
