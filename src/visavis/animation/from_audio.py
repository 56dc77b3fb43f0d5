"""The mouth from the sound alone, for voices that give no phoneme times.

A small recurrent network of ours hears the sound as log-mel frames and answers the mouth that
:mod:`visavis.animation.visemes` would have planned, had it known the phonemes: it was taught so by
our own voices (``docs/visemes.md``). It is causal but for :data:`LOOK_AHEAD`. Where phoneme times
are to be had, the plan is better: it knows what comes, and shapes the lips before it is heard.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from visavis.animation.face_state import ARKIT_INDEX
from visavis.animation.log_mel import BANDS, FRAME_RATE, LogMel
from visavis.animation.smoothing import Vector, ease, smoothstep

#: What the network answers: ARKit coefficients, a name without Left or Right meaning both;
#: ``mouthClose`` as a share of ``jawOpen``; and how far a consonant brings the lips into contact.
OUTPUTS = (
    "jawOpen", "jawForward", "mouthClose", "mouthFunnel", "mouthPucker", "mouthStretch",
    "mouthSmile", "mouthDimple", "mouthLowerDown", "mouthUpperUp", "mouthShrugUpper",
    "mouthRollLower", "mouthRollUpper", "mouthPress", "tongueOut", "contact",
)  # fmt: skip
#: Frames the network takes at once; it answers as many rows.
STEP = 2
#: Seconds of sound heard beyond the moment that the last row of a step is for.
DELAY = 0.020
#: The same for any state: it may lie just after a step's last row, and wait for the next step.
LOOK_AHEAD = DELAY + STEP / FRAME_RATE
#: Seconds a mouth takes to close when the sound has come to its end.
_CLOSE = 0.12
#: Seconds kept behind what was asked for last.
_KEEP = 2.0
_JAW, _CLOSE_SHARE, _PRESS = (OUTPUTS.index(n) for n in ("jawOpen", "mouthClose", "mouthPress"))
_PARTING = [OUTPUTS.index(n) for n in ("mouthLowerDown", "mouthUpperUp", "mouthFunnel")]
#: ``mouthPress`` of lips that meet, as in ``visemes.toml``, and the shares of it between which
#: they are brought together.
_PRESSED, _SEALED = 0.14, (0.45, 0.8)
_FILE = "weights/audio_visemes.onnx"


class AudioMotion:
    """Motion of the mouth that grows with the sound given to it.

    Args:
        sample_rate: Of the sound, Hz; at least 8000.
        start: Time of the first sample, seconds.

    Raises:
        ValueError: `sample_rate` is too low.
        RuntimeError: the network's file is missing or damaged.
    """

    def __init__(self, sample_rate: int, start: float = 0.0) -> None:
        self.sample_rate = sample_rate
        self._ear = LogMel(sample_rate)
        self._network = _network()
        self._memory = np.zeros(self._network.get_inputs()[1].shape, np.float32)
        self._frames = np.zeros((0, BANDS), np.float32)  # heard, but not yet a whole step
        self._start = start
        self._received = 0
        self._rows = np.zeros((0, 53), np.float32)
        self._first = 0  # index of the first row kept

    @property
    def end(self) -> float:
        """Time of the end of the sound received, seconds."""
        return self._start + self._received / self.sample_rate

    def feed(self, samples: NDArray[np.int16]) -> None:
        """The sound goes on: int16 mono samples, any number."""
        self._received += len(samples)
        frames = np.concatenate([self._frames, self._ear.feed(samples)])
        whole = len(frames) // STEP * STEP
        self._frames = frames[whole:]
        if whole:
            steps = frames[:whole].reshape(-1, 1, STEP * BANDS)
            answers, self._memory = self._network.run(
                None, {"frames": steps, "memory": self._memory}
            )
            rows = as_rows(answers.reshape(whole, len(OUTPUTS)))
            self._rows = np.concatenate([self._rows, rows])

    def at(self, t: float) -> Vector:
        """``(53,)`` at time `t`, as :attr:`SpeechMotion.track`; closes where the sound ends."""
        x = (t - self._start + DELAY) * FRAME_RATE - 1.0
        last = self._first + len(self._rows) - 1
        if x < self._first - 1 or last < self._first:
            return np.zeros(53)
        i = int(np.floor(x))
        if i >= last:
            late = (x - last) / FRAME_RATE
            return np.asarray(self._rows[-1] * (1.0 - ease(late / _CLOSE)), float)
        f = x - i
        before = self._rows[i - self._first] if i >= self._first else np.zeros(53, np.float32)
        after = self._rows[i + 1 - self._first]
        self._forget(i)
        return np.asarray(before * (1 - f) + after * f, float)

    def _forget(self, i: int) -> None:
        spare = i - self._first - round(_KEEP * FRAME_RATE)
        if spare > FRAME_RATE:
            self._rows = self._rows[spare:]
            self._first += spare


def as_rows(answers: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's answers ``(n, len(OUTPUTS))`` as rows of :attr:`SpeechMotion.track`."""
    values = np.clip(answers, 0.0, 1.0).astype(np.float64)
    # The network answers the mean of what may be: lips that probably meet would stay ajar.
    doubt, faith = _SEALED
    seal = smoothstep((values[:, _PRESS] / _PRESSED - doubt) / (faith - doubt))
    values[:, _CLOSE_SHARE] += (1 - values[:, _CLOSE_SHARE]) * seal
    values[:, _PARTING] *= 1 - seal[:, None]
    values[:, _CLOSE_SHARE] *= values[:, _JAW]
    return np.asarray(values @ _spread(), np.float32)


def from_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network should answer for rows of :attr:`SpeechMotion.track`."""
    sources = [int(np.flatnonzero(row)[0]) for row in _spread()]
    answers = rows[:, sources].astype(np.float32)
    share = answers[:, _CLOSE_SHARE] / np.maximum(answers[:, _JAW], 1e-3)
    answers[:, _CLOSE_SHARE] = np.clip(share, 0.0, 1.0)
    return answers


@cache
def _spread() -> NDArray[np.float32]:
    """Which of 53 values each of :data:`OUTPUTS` sets, ``(len(OUTPUTS), 53)`` of 0 and 1."""
    out = np.zeros((len(OUTPUTS), 53), np.float32)
    for i, name in enumerate(OUTPUTS):
        for full in (name, f"{name}Left", f"{name}Right"):
            if full in ARKIT_INDEX:
                out[i, ARKIT_INDEX[full]] = 1.0
    out[OUTPUTS.index("contact"), 52] = 1.0
    return out


@cache
def _network() -> Any:
    """The network; one for all faces, each of which has a memory of its own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            (resources.files("visavis.animation") / _FILE).read_bytes(),
            options,
            providers=["CPUExecutionProvider"],
        )
    except Exception as e:  # onnxruntime has no common class for what a damaged file raises
        raise RuntimeError(
            f"visavis/animation/{_FILE} is missing or damaged ({type(e).__name__}); "
            "install visavis again."
        ) from e
