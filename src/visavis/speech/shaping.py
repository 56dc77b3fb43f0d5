"""From a model's raw output to an utterance: silence trimmed, loudness set, times kept right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visavis.media.spoken import Phone, SpokenAudio, Word

#: Output rate of every voice, Hz.
SAMPLE_RATE = 24_000
#: RMS of the spoken parts, dBFS; about -23 LUFS for one voice.
TARGET_RMS_DB = -21.0
#: No sample exceeds this, of 1.
PEAK = 0.95
#: Silence kept before the first sound and after the last, s.
LEAD, TAIL = 0.02, 0.08
_BLOCK = 240  # samples judged at a time: 10 ms
#: Quieter than this below the loudest block is silence, dB.
_SILENCE_DB = 42.0
_MAX_GAIN = 12.0


def silence(seconds: float) -> SpokenAudio:
    """An utterance that says nothing for `seconds`."""
    return SpokenAudio(np.zeros(round(seconds * SAMPLE_RATE), np.int16), SAMPLE_RATE)


def shape(
    audio: NDArray[np.float32],
    phones: Sequence[Phone],
    words: Sequence[Word],
    *,
    tail: float = TAIL,
) -> SpokenAudio:
    """Trim, level and convert one utterance.

    Args:
        audio: Mono at :data:`SAMPLE_RATE`, about -1..1, shape ``(n,)``.
        phones: Times in seconds from the first sample of `audio`.
        words: Likewise.
        tail: Seconds of silence after the last sound.
    """
    start, end = sounding(audio)
    if end <= start:
        return silence(0.0)
    first = max(0, start - round(LEAD * SAMPLE_RATE))
    fade = min(round(0.005 * SAMPLE_RATE), (end - first) // 2)
    body = audio[first : min(len(audio), end + round(0.03 * SAMPLE_RATE))].astype(np.float32)
    body = body * leveling_gain(audio[start:end])
    if fade:
        ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        body[:fade] *= ramp
        body[-fade:] *= ramp[::-1]
    total = end - first + round(tail * SAMPLE_RATE)
    out = np.zeros(total, np.float32)
    kept = min(total, len(body))
    out[:kept] = body[:kept]
    pcm = np.clip(np.rint(out * 32767.0), -32768, 32767).astype(np.int16)
    offset, last = first / SAMPLE_RATE, end / SAMPLE_RATE
    duration = total / SAMPLE_RATE
    return SpokenAudio(
        pcm,
        SAMPLE_RATE,
        tuple(_shift_phones(phones, offset, last, duration)),
        tuple(_shift_words(words, offset, duration)),
    )


def sounding(audio: NDArray[np.float32]) -> tuple[int, int]:
    """First and last sample of what can be heard, as ``(start, end)``; ``(0, 0)`` if none."""
    blocks = len(audio) // _BLOCK
    if blocks == 0:
        return 0, 0
    energy = np.square(audio[: blocks * _BLOCK].reshape(blocks, _BLOCK)).mean(axis=1)
    loudest = float(energy.max())
    if loudest < 1e-8:
        return 0, 0
    heard = np.flatnonzero(energy > max(loudest * 10 ** (-_SILENCE_DB / 10), 1e-9))
    return int(heard[0]) * _BLOCK, min(len(audio), (int(heard[-1]) + 1) * _BLOCK)


def leveling_gain(audio: NDArray[np.float32]) -> float:
    """The factor that brings the louder part of speech to the target without clipping."""
    blocks = max(1, len(audio) // _BLOCK)
    energy = np.square(audio[: blocks * _BLOCK].reshape(blocks, -1)).mean(axis=1)
    voiced = energy[energy > energy.max() * 0.01]
    rms = float(np.sqrt(voiced.mean())) if len(voiced) else 0.0
    peak = float(np.abs(audio).max())
    if rms < 1e-6 or peak < 1e-6:
        return 1.0
    return min(10 ** (TARGET_RMS_DB / 20) / rms, PEAK / peak, _MAX_GAIN)


def _shift_phones(
    phones: Sequence[Phone], offset: float, last: float, duration: float
) -> list[Phone]:
    out = []
    for p in phones:
        start, end = _clip(p.start - offset, duration), _clip(p.end - offset, duration)
        # Silence in front of and behind the utterance is no phone of it.
        if end > start or (p.ipa and end >= start and 0 < p.start < last):
            out.append(Phone(p.ipa, start, end, p.stress))
    while out and not out[0].ipa:
        out.pop(0)
    while out and not out[-1].ipa:
        out.pop()
    return out


def _shift_words(words: Sequence[Word], offset: float, duration: float) -> list[Word]:
    return [
        Word(w.text, _clip(w.start - offset, duration), _clip(w.end - offset, duration))
        for w in words
    ]


def _clip(t: float, duration: float) -> float:
    return min(max(t, 0.0), duration)


def join(parts: Sequence[SpokenAudio], gaps: Sequence[float]) -> SpokenAudio:
    """One utterance after another.

    Args:
        parts: At least one, all at :data:`SAMPLE_RATE`.
        gaps: Seconds of silence between them; one fewer than parts.
    """
    audio: list[NDArray[np.int16]] = []
    phones: list[Phone] = []
    words: list[Word] = []
    n = 0
    for i, part in enumerate(parts):
        t = n / SAMPLE_RATE
        phones += [Phone(p.ipa, p.start + t, p.end + t, p.stress) for p in part.phones]
        words += [Word(w.text, w.start + t, w.end + t) for w in part.words]
        audio.append(part.audio)
        n += len(part.audio)
        if i < len(gaps):
            audio.append(np.zeros(round(gaps[i] * SAMPLE_RATE), np.int16))
            n += len(audio[-1])
    return SpokenAudio(np.concatenate(audio), SAMPLE_RATE, tuple(phones), tuple(words))


def pad(spoken: SpokenAudio, multiple: int) -> SpokenAudio:
    """With silence after it, up to the next multiple of `multiple` samples."""
    missing = -len(spoken.audio) % multiple
    audio = np.concatenate([spoken.audio, np.zeros(missing, np.int16)])
    return SpokenAudio(audio, spoken.sample_rate, spoken.phones, spoken.words)
