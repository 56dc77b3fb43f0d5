"""How far the picture runs behind the sound, measured on received pixels and samples.

The opening of the mouth and the loudness of the voice rise and fall together, with a natural lag
of their own. The lag at which they agree best, minus the same lag in a rendering whose picture and
sound are aligned by construction, is the offset that transport and pacing add.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 100.0  # Hz, common time base
MAX_LAG = 0.4  # s


@dataclass(frozen=True, slots=True)
class Lag:
    """Picture behind sound.

    Attributes:
        seconds: Positive when the picture is late.
        correlation: Pearson's r of mouth opening and loudness at that lag.
    """

    seconds: float
    correlation: float


def loudness(
    samples: NDArray[np.int16], rate: int, start: float, grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log loudness of the sound on the time grid (s), smoothed over about 60 ms."""
    window = int(rate / RATE)
    n = len(samples) // window
    blocks = samples[: n * window].reshape(n, window).astype(np.float64) / 32768.0
    level = np.log10(np.sqrt((blocks**2).mean(axis=1)) + 10**-2.5)
    kernel = np.hanning(8)[1:-1]
    level = np.convolve(level, kernel / kernel.sum(), mode="same")
    times = start + (np.arange(n) + 0.5) * window / rate
    return np.interp(grid, times, level)


def lag(
    mouth_times: NDArray[np.float64],
    mouth: NDArray[np.float64],
    samples: NDArray[np.int16],
    rate: int,
    sound_start: float,
) -> Lag | None:
    """The lag of the mouth's opening behind the sound; None if either is too short or unchanging.

    Args:
        mouth_times: When each opening was seen, s, ascending.
        mouth: Inner-lip openings, any unit.
        samples: The sound.
        rate: Of the sound, Hz.
        sound_start: Time of its first sample, s, on the clock of `mouth_times`.
    """
    begin = max(mouth_times[0], sound_start) + MAX_LAG if len(mouth_times) else 0.0
    end = min(mouth_times[-1], sound_start + len(samples) / rate) - MAX_LAG if begin else 0.0
    if end - begin < 1.0:
        return None
    grid = np.arange(begin, end, 1 / RATE)
    sound = loudness(samples, rate, sound_start, grid)
    if np.ptp(sound) == 0.0 or np.ptp(mouth) == 0.0:
        return None
    lags = np.arange(-MAX_LAG, MAX_LAG + 1e-9, 0.005)
    scores = np.array(
        [np.corrcoef(np.interp(grid + shift, mouth_times, mouth), sound)[0, 1] for shift in lags]
    )
    if not np.isfinite(scores).all():
        return None
    best = int(scores.argmax())
    return Lag(float(_peak(lags, scores, best)), float(scores[best]))


def _peak(lags: NDArray[np.float64], scores: NDArray[np.float64], best: int) -> float:
    """The top of the parabola through the best three scores."""
    if not 0 < best < len(lags) - 1:
        return float(lags[best])
    a, b, c = scores[best - 1 : best + 2]
    curvature = a - 2 * b + c
    shift = 0.0 if curvature == 0 else 0.5 * (a - c) / curvature
    return float(lags[best] + shift * (lags[1] - lags[0]))


def common_clock(arrivals: NDArray[np.float64], stamps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Media stamps mapped to arrival time by the least delayed packets, as a player's clock does.

    A line of slope one through the lower envelope: network and decoding jitter only ever delay.
    """
    delay = arrivals - stamps
    return stamps + float(np.quantile(delay, 0.1))
