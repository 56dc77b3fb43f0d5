"""Where the eyes look: fixations on the viewer's face, and looks away."""

from __future__ import annotations

import numpy as np

from visavis.animation.smoothing import ease
from visavis.animation.style import Mode, Style

#: Saccade duration grows with size: 21 ms + 2.2 ms per degree (Bahill, Clark & Stark 1975).
_SACCADE_BASE, _SACCADE_PER_RADIAN = 0.021, 0.126
#: Looks away at least this large often come with a blink (Evinger et al. 1994), radians.
_LARGE = 0.12
_BLINK_WITH_LARGE = 0.35


class Gazing:
    """The direction of gaze in the world, in radians: pitch (down +), yaw (own left +).

    Zero is the viewer's eyes.

    Args:
        rng: The source of chance.
        style: Manner of behaving.
    """

    def __init__(self, rng: np.random.Generator, style: Style) -> None:
        self._rng = rng
        self._style = style
        self._mode: Mode = "idle"
        self._from = (0.0, 0.0)
        self._to = (0.0, 0.0)
        self._start = -1.0
        self._length = _SACCADE_BASE
        self._next: float | None = None
        self._away = False
        self._must_leave = False
        self.wants_blink = False

    @property
    def target(self) -> tuple[float, float]:
        """Where the gaze is or is moving to: pitch, yaw."""
        return self._to

    def set_mode(self, mode: Mode, t: float | None) -> None:
        """The conversation's state changed at `t` (s); None before the first call of :meth:`at`."""
        if mode == self._mode:
            return
        self._mode = mode
        if t is None:
            return
        settled = max(t, self._start + self._length)
        if mode == "thinking":  # a thinker looks away at once
            self._next = settled + float(self._rng.uniform(0.08, 0.3))
            self._must_leave = True
        elif self._away:  # attention returns
            self._next = settled + float(self._rng.uniform(0.05, 0.25))

    def at(self, t: float) -> tuple[float, float]:
        """Gaze at `t`. Call with `t` not decreasing."""
        if self._next is None:
            self._next = t + float(self._rng.uniform(0.3, 1.0))
        while t >= self._next:
            self._shift(self._next)
        u = ease((t - self._start) / self._length)
        (a, b), (c, d) = self._from, self._to
        return a + (c - a) * u, b + (d - b) * u

    def _shift(self, t: float) -> None:
        """The next saccade begins at `t`; the last one has ended by then."""
        g = self._style.modes[self._mode].gaze
        rng = self._rng
        leaving = rng.random() < g.avert and not (self._away and self._mode != "thinking")
        leaving |= self._must_leave and self._mode == "thinking"
        self._must_leave = False
        if leaving:
            side = -1.0 if rng.random() < 0.5 else 1.0
            if self._away and self._to[1]:  # a thinker's eyes stay on one side
                side = float(np.sign(self._to[1]))
            to = (g.away[0] * rng.uniform(0.5, 1.4), side * g.away[1] * rng.uniform(0.55, 1.35))
            hold = rng.uniform(*g.away_hold)
        else:
            to = (rng.normal(0, g.wander[0]), rng.normal(0, g.wander[1]))
            hold = min(max(np.exp(rng.normal(np.log(g.hold), 0.5)), 0.25), 4.0)
        self._from, self._to = self._to, (float(to[0]), float(to[1]))
        size = float(np.hypot(self._to[0] - self._from[0], self._to[1] - self._from[1]))
        self._start, self._length = t, _SACCADE_BASE + _SACCADE_PER_RADIAN * size
        self._next = t + max(float(hold), self._length + 0.05)
        self._away = leaving
        if size > _LARGE and rng.random() < _BLINK_WITH_LARGE:
            self.wants_blink = True
