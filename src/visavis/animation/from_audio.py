"""The mouth from the sound alone, for voices that give no phoneme times.

A fallback, and an honest one: loudness opens the jaw, hissing closes the teeth and parts the lips,
a dull timbre rounds them. It cannot tell p from t; lips meet only where the sound falls away. Where
phoneme times are to be had, :mod:`visavis.animation.visemes` is far better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import STATE_RATE
from visavis.animation.smoothing import Vector, ease
from visavis.animation.style import expand

#: Length of the analysis window, seconds.
_WINDOW = 0.032
#: Analysis and smoothing look back this far on average; rows are dated back by it, which costs
#: nothing because speech is at hand a little before it is heard. Seconds.
_LATENCY = 0.034
#: Time constants of opening and closing, seconds.
_ATTACK, _RELEASE = 0.020, 0.038
#: Below the voice's recent loudest by this much is silence; opening grows over this range. dB.
_SILENCE, _RANGE = 30.0, 26.0
#: Nothing quieter than this is speech, dBFS; the loudest of speech is at least that.
_FLOOR, _LOUDEST = -52.0, -30.0
#: Forgetting of the recent loudest, dB per second.
_FORGET = 2.0
#: Seconds a mouth takes to close when the sound has come to its end.
_CLOSE = 0.12
#: Seconds kept behind what was asked for last.
_KEEP = 2.0

_JAW = expand({"jawOpen": 0.36, "mouthLowerDown": 0.14, "mouthUpperUp": 0.09})
_HISS = expand({"mouthLowerDown": 0.18, "mouthUpperUp": 0.08, "mouthStretch": 0.12})
_ROUND = expand({"mouthPucker": 0.5, "mouthFunnel": 0.18})


class AudioMotion:
    """Motion of the mouth that grows with the sound given to it; strictly causal.

    Args:
        sample_rate: Of the sound, Hz; at least 8000.
        start: Time of the first sample, seconds.
    """

    def __init__(self, sample_rate: int, start: float = 0.0) -> None:
        if sample_rate < 8000:
            raise ValueError(f"need at least 8000 samples per second, got {sample_rate}")
        self.sample_rate = self._rate = sample_rate
        self._start = start
        self._size = round(_WINDOW * sample_rate)
        self._window = np.hanning(self._size)
        hz = np.fft.rfftfreq(self._size, 1 / sample_rate)
        top = min(7500.0, 0.49 * sample_rate)
        bands = ((150, 900), (1000, 3000), (3500 if top > 3600 else 3000, top))
        self._bands = np.array([(hz >= a) & (hz < b) for a, b in bands], float)
        self._heard = np.zeros(self._size)  # the sound not yet left behind by the window
        self._received = 0
        self._rows: list[NDArray[np.float32]] = []
        self._first = 0  # index of the first row kept
        self._state = np.zeros(3)  # opening, hiss, rounding
        self._loudest = _LOUDEST + 8.0

    @property
    def end(self) -> float:
        """Time of the end of the sound received, seconds."""
        return self._start + self._received / self._rate

    def feed(self, samples: NDArray[np.int16]) -> None:
        """The sound goes on: int16 mono samples, any number."""
        self._heard = np.concatenate([self._heard, samples.astype(np.float64) / 32768.0])
        self._received += len(samples)
        base = self._received + self._size - len(self._heard)  # sample position of heard[0]
        n = self._first + len(self._rows)
        while (stop := round((n + 1) * self._rate / STATE_RATE)) <= self._received:
            at = stop - base  # heard begins one window before the first sample
            self._rows.append(self._row(self._heard[at : at + self._size]))
            n += 1
        spare = round((n + 1) * self._rate / STATE_RATE) - base
        self._heard = self._heard[max(min(spare, len(self._heard) - self._size), 0) :]

    def _row(self, sound: Vector) -> NDArray[np.float32]:
        power = np.abs(np.fft.rfft(sound * self._window)) ** 2
        low, mid, high = self._bands @ power + 1e-9
        level = 10 * float(np.log10(np.mean(sound**2) + 1e-12))
        self._loudest = max(level, self._loudest - _FORGET / STATE_RATE, _LOUDEST)
        opening = hiss = rounding = 0.0
        if level > max(_FLOOR, self._loudest - _SILENCE):
            opening = min(max((level - self._loudest + _RANGE) / _RANGE, 0.0), 1.0)
            hiss = min(max((float(high / (low + mid + high)) - 0.35) / 0.4, 0.0), 1.0)
            dull = 10 * float(np.log10(low / mid))
            rounding = min(max((dull - 13.0) / 10.0, 0.0), 1.0) * (1 - hiss)
        now = np.array([opening**1.3 * (1 - 0.8 * hiss) * (1 - 0.5 * rounding), hiss, rounding])
        tau = np.where(now > self._state, _ATTACK, _RELEASE)
        self._state += (now - self._state) * (1 - np.exp(-1.0 / (STATE_RATE * tau)))
        jaw, hiss_, round_ = self._state
        row = np.zeros(53, np.float32)
        row[:52] = jaw * _JAW + hiss_ * _HISS + round_ * min(1.0, 2 * jaw) * _ROUND
        return row

    def at(self, t: float) -> Vector:
        """``(53,)`` at time `t`, as :attr:`SpeechMotion.track`; closes where the sound ends."""
        x = (t + _LATENCY - self._start) * STATE_RATE - 1.0
        last = self._first + len(self._rows) - 1
        if x < self._first - 1 or last < self._first:
            return np.zeros(53)
        i = int(np.floor(x))
        if i >= last:
            late = (x - last) / STATE_RATE
            return np.asarray(self._rows[-1] * (1.0 - ease(late / _CLOSE)), float)
        f = x - i
        before = self._rows[i - self._first] if i >= self._first else np.zeros(53, np.float32)
        self._forget(i)
        return np.asarray(before * (1 - f) + self._rows[i + 1 - self._first] * f, float)

    def _forget(self, i: int) -> None:
        spare = i - self._first - round(_KEEP * STATE_RATE)
        if spare > STATE_RATE:
            del self._rows[:spare]
            self._first += spare
