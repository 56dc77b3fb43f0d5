"""A motion sampled in advance: looked up at any time, at rest outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import STATE_RATE
from visavis.animation.smoothing import Vector


@dataclass(frozen=True, slots=True)
class Track:
    """Values at 60 Hz.

    Attributes:
        start: Time of the first row, seconds; may be negative.
        values: float32, shape ``(rows, n)``; begins and ends at rest (zeros).
    """

    start: float
    values: NDArray[np.float32]

    @property
    def end(self) -> float:
        """Time of the last row, seconds."""
        return self.start + (len(self.values) - 1) / STATE_RATE

    def at(self, t: float) -> Vector:
        """``(n,)`` at time `t`, linear between rows; zeros outside."""
        x = (t - self.start) * STATE_RATE
        i = int(np.floor(x))
        if i < 0 or i >= len(self.values) - 1:
            return np.zeros(self.values.shape[1])
        f = x - i
        return np.asarray(self.values[i] * (1.0 - f) + self.values[i + 1] * f, float)


def sample_times(start: float, end: float) -> Vector:
    """Sampling times of a track from `start` to at least `end`, seconds."""
    return start + np.arange(int(np.ceil((end - start) * STATE_RATE)) + 1) / STATE_RATE
