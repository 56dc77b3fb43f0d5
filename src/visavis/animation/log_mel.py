"""What the mouth's network hears of a sound: its spectrum against the loudest of late.

Made at the sound's own rate, so that no resampler adds delay: frames have the same length in
seconds and the same spacing in hertz at every rate, and power is scaled by the window, so that a
sound has the same values whatever its rate. Bands a narrow sound does not have are silent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Frames per second, bands per frame.
FRAME_RATE, BANDS = 100, 40
#: Length of a frame, and of the padded frame that is transformed (25 Hz between bins), seconds.
_WINDOW, _PADDED = 0.025, 0.040
#: Centres of the lowest and highest band, Hz.
_LOWEST, _HIGHEST = 80.0, 7400.0
#: The loudest of late forgets so many dB a second, and is never below this, dB of full scale.
_FORGET, _LOUDEST = 1.5, -45.0
#: Nothing quieter than this below the loudest is told apart, dB; what is told is in this unit.
_RANGE, _UNIT = 66.0, 20.0


class LogMel:
    """Frames of a sound that grows, each from its own past only.

    Args:
        sample_rate: Of the sound, Hz; at least 8000.
    """

    def __init__(self, sample_rate: int) -> None:
        if sample_rate < 8000:
            raise ValueError(f"need at least 8000 samples per second, got {sample_rate}")
        self._rate = sample_rate
        self._size, self._padded = round(_WINDOW * sample_rate), round(_PADDED * sample_rate)
        self._window = np.hanning(self._size)
        self._window /= self._window.sum()
        self._bank = _filters(sample_rate, self._padded)
        self._heard = np.zeros(self._size)  # the sound not yet left behind by the window
        self._received = self._made = 0
        self._loudest = _LOUDEST

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """The frames that `samples` completes, ``(n, BANDS)`` float32, 0 at the loudest of late.

        Frame `k` of a sound ends ``(k + 1) / FRAME_RATE`` seconds into it.
        """
        self._heard = np.concatenate([self._heard, samples / 32768.0])
        self._received += len(samples)
        base = self._received + self._size - len(self._heard)  # of heard[0], sound begins at size
        total = (self._received * FRAME_RATE) // self._rate
        stops = (np.arange(self._made + 1, total + 1) * self._rate) // FRAME_RATE - base
        self._made = total
        frames = self._heard[stops[:, None] + np.arange(self._size)]
        spare = ((total + 1) * self._rate) // FRAME_RATE - base
        self._heard = self._heard[min(max(spare, 0), len(self._heard) - self._size) :]
        return self._normalise(frames)

    def _normalise(self, frames: NDArray[np.float64]) -> NDArray[np.float32]:
        power = np.abs(np.fft.rfft(frames * self._window, self._padded)) ** 2 @ self._bank
        level = 10 * np.log10(power.sum(axis=1) + 1e-12)
        bands = 10 * np.log10(power + 1e-12)
        for i in range(len(level)):
            faded = max(self._loudest - _FORGET / FRAME_RATE, _LOUDEST)
            self._loudest = max(float(level[i]), faded)
            bands[i] -= self._loudest
        return np.asarray(np.maximum(bands, -_RANGE) / _UNIT, np.float32)


def _filters(rate: int, padded: int) -> NDArray[np.float64]:
    """Triangles evenly spaced in mel (O'Shaughnessy 1987), ``(bins, BANDS)``."""
    hz = np.arange(padded // 2 + 1) * rate / padded
    mel = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS)
    step = mel[1] - mel[0]
    away = np.abs(2595 * np.log10(1 + hz[:, None] / 700) - mel) / step
    return np.asarray(np.maximum(1 - away, 0.0))


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))
