"""Continuous motion: springs, decaying offsets, bumps, and noise like that of living things."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def smoothstep(x: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """0 below 0, 1 above 1, between them a curve that leaves and arrives with no speed."""
    u = np.clip(x, 0.0, 1.0)
    return np.asarray(u * u * (3.0 - 2.0 * u))


def ease(x: float) -> float:
    """:func:`smoothstep` of one number, fast."""
    u = 0.0 if x < 0.0 else 1.0 if x > 1.0 else x
    return u * u * (3.0 - 2.0 * u)


class Spring:
    """A critically damped follower: no overshoot, no jump in position or speed.

    Exact for any time step (closed form), so late or rare updates do no harm.

    Args:
        value: Where it starts, shape ``(n,)``.
        time: Seconds to come within about a tenth of a new target.
    """

    def __init__(self, value: Vector, time: float) -> None:
        self.value = np.array(value, float)
        self._speed = np.zeros_like(self.value)
        self.time = time

    @property
    def time(self) -> float:
        """Seconds to come within about a tenth of a new target; may change at any moment."""
        return 3.9 / self._omega

    @time.setter
    def time(self, seconds: float) -> None:
        self._omega = 3.9 / seconds

    def step(self, target: Vector, dt: float) -> Vector:
        """The value `dt` seconds later, drawn towards `target`."""
        w = self._omega
        x = self.value - target
        momentum = self._speed + w * x
        fade = np.exp(-w * dt)
        self.value = target + (x + momentum * dt) * fade
        self._speed = (self._speed - w * momentum * dt) * fade
        return self.value


class Offset:
    """Takes the jump out of a cut between two motions (inertialization, Bollo 2018).

    At the cut, the difference between what was shown and what comes now is kept as an offset that
    runs out in a fixed time, its speed included. Without cuts it adds nothing and delays nothing.

    Args:
        size: Number of values.
        time: Seconds until an offset has run out.
    """

    def __init__(self, size: int, time: float) -> None:
        self._from = np.zeros(size)
        self._speed = np.zeros(size)
        self._time = time
        self._start = -np.inf

    def cut(self, t: float, shown: Vector, speed: Vector, now: Vector) -> None:
        """At time `t` (s), `shown` moved with `speed` (1/s); the new motion is at `now`."""
        self._from = shown - now
        # Speed may carry on only so far that the offset does not swing out beyond itself.
        limit = 3.0 * np.abs(self._from) / self._time
        self._speed = np.clip(speed, -limit, limit)
        self._start = t

    def at(self, t: float) -> Vector | None:
        """What to add to the motion at time `t`; None when there is nothing left to add."""
        x = (t - self._start) / self._time
        if x >= 1.0:
            return None
        x = max(x, 0.0)
        stay = 1.0 - x * x * (3.0 - 2.0 * x)
        coast = x * (1.0 - x) ** 2 * self._time
        return np.asarray(self._from * stay + self._speed * coast)


class Noise:
    """Smooth wandering with more of slow than of fast motion, roughly 1/f; zero mean.

    Catmull-Rom interpolated random values in four octaves. A pure function of time.

    Args:
        size: Independent values.
        rng: Where they come from.
    """

    #: Hz, and amplitudes falling as 1/f; the slowest wander lasts about 10 s.
    FREQUENCIES = np.array([0.11, 0.29, 0.71, 1.6])
    _LENGTH = 1024

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        share = 1.0 / (self.FREQUENCIES / self.FREQUENCIES[0]) ** 1.0
        # A Catmull-Rom curve through unit noise has a variance of about 0.79.
        share = share / np.sqrt(0.79 * np.sum(share**2))
        knots = rng.standard_normal((4, self._LENGTH, size))
        self._knots = np.clip(knots, -2.2, 2.2) * share[:, None, None]
        self._phase = rng.uniform(0, self._LENGTH, 4)
        self._octave = np.arange(4)

    def at(self, t: float) -> Vector:
        """``(size,)`` at time `t`, standard deviation about 1."""
        x = t * self.FREQUENCIES + self._phase
        i = np.floor(x).astype(np.int64)
        f = (x - i)[:, None]
        n = self._LENGTH
        a, b, c, d = (self._knots[self._octave, (i + k) % n] for k in (-1, 0, 1, 2))
        curve = b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
        return np.asarray(curve.sum(axis=0))
