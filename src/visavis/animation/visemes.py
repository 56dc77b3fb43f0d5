"""The mouth of an utterance, from its phonemes and their times.

Each sound has a target for every articulator and a dominance that rises before it and falls after
it; the mouth at any time is the mean of all targets, weighted by their dominance (Cohen & Massaro
1993, "Modeling coarticulation in synthetic visual speech"). So lips round before a rounded vowel,
consonants take the colour of their neighbours, and fast speech undershoots. On top of that, what
an eye would miss is imposed: lips meet for p, b and m, the lower lip meets the teeth for f and v,
and silence closes the mouth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from visavis.animation.face_state import ARKIT_INDEX, STATE_RATE
from visavis.animation.phonemes import Viseme, Visemes, shares, visemes
from visavis.animation.smoothing import Vector, smoothstep
from visavis.animation.style import expand
from visavis.animation.track import Track, sample_times
from visavis.media.spoken import Phone, SpokenAudio

#: Room before and after the utterance for lips that prepare and come to rest, seconds.
LEAD_IN, TAIL = 0.30, 0.40

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SpeechMotion:
    """The mouth over one utterance, in seconds from its first audio sample.

    Attributes:
        track: 53 values: 52 ARKit coefficients (those of the mouth; the rest are zero), and how
            far a consonant brings the lips into contact, 0..1.
        duration: Of the audio, seconds.
        voice_end: When the last sound ends, seconds.
    """

    track: Track
    duration: float
    voice_end: float

    def evaluate(self, t: float) -> NDArray[np.float32]:
        """float32 ``(52,)`` in 0..1 at `t` seconds into the utterance; at rest outside it."""
        return self.track.at(t)[:52].astype(np.float32)


@dataclass(slots=True)
class _Sound:
    viseme: Viseme
    start: float
    end: float
    effort: float = 1.0


def plan_speech(spoken: SpokenAudio) -> SpeechMotion:
    """The motion of the mouth for an utterance with phoneme times.

    Costs a few milliseconds for ten seconds of speech; evaluating it afterwards costs microseconds.

    Raises:
        ValueError: phones are not in order or have negative length.
    """
    _check(spoken.phones)
    table = visemes()
    times = sample_times(-LEAD_IN, spoken.duration + TAIL)
    sounds, silences = _segments(spoken, table)
    mouth = _blend(times, sounds, silences, table)
    values = _constrain(times, mouth, sounds, silences, table)
    ends = [p.end for p in spoken.phones if table.sounds(p.ipa)]
    return SpeechMotion(
        Track(-LEAD_IN, values), spoken.duration, max(ends) if ends else spoken.duration
    )


def _check(phones: tuple[Phone, ...]) -> None:
    previous = -np.inf
    for p in phones:
        if not (np.isfinite(p.start) and p.end >= p.start >= previous - 1e-6):
            raise ValueError(f"phones must be in order, with end >= start; got {p}")
        previous = p.start


# -- from phones to segments -------------------------------------------------------------------


def _segments(
    spoken: SpokenAudio, table: Visemes
) -> tuple[list[_Sound], list[tuple[float, float]]]:
    """Sounds in time, and the silences long enough to close the mouth."""
    sounds: list[_Sound] = []
    silences: list[tuple[float, float]] = []
    quiet_since, quiet = -10.0, _quiet(spoken)
    pauses = [(a, b) for a, b in _runs(quiet, 0.0) if b - a >= _PAUSE] if spoken.audio.any() else []
    shapes = [table.sounds(p.ipa) for p in spoken.phones]
    for phone, shape, force in zip(
        spoken.phones, shapes, _efforts(spoken, shapes, table), strict=True
    ):
        heard = _heard(phone, pauses)
        if shape is None or heard is None:
            continue
        start, end = heard
        silences += _silence(quiet_since, start, quiet, table)
        quiet_since = max(quiet_since, end)
        edges = np.concatenate([[0.0], np.cumsum(shares(shape, phone.ipa))])
        edges = start + edges * (end - start)
        for viseme, a, b in zip(shape, edges[:-1], edges[1:], strict=True):
            sounds.append(_Sound(viseme, float(a), float(b), force if viseme.vowel else 1.0))
    silences.append((quiet_since, max(quiet_since, spoken.duration) + 10.0))
    return sounds, silences


#: Frames in which silence is looked for (s), and how far it lies below the loud parts (dB).
_FRAME, _BELOW = 0.01, 30.0
#: Silence longer than any stop's closure: no sound reaches into it, whatever its times say.
_PAUSE = 0.15


def _quiet(spoken: SpokenAudio) -> NDArray[np.bool_]:
    """Per frame of 10 ms, whether the sound is silent; all of them if there is no sound at all."""
    size = max(round(spoken.sample_rate * _FRAME), 1)
    frames = spoken.audio[: len(spoken.audio) // size * size].reshape(-1, size)
    level = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-3)
    loud = float(np.percentile(level, 95)) if len(level) else 0.0
    return np.asarray((level < loud - _BELOW) | (loud < 0.0))


def _runs(quiet: NDArray[np.bool_], start: float) -> list[tuple[float, float]]:
    """Stretches of quiet frames, the first of which begins at `start`, in seconds."""
    steps = np.diff(np.concatenate([[0], quiet.astype(np.int8), [0]]))
    edges = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    return [(start + int(i) * _FRAME, start + int(j) * _FRAME) for i, j in edges]


def _heard(phone: Phone, pauses: list[tuple[float, float]]) -> tuple[float, float] | None:
    """The part of a phone outside pauses, which many voices count to the sound before them."""
    start, end = phone.start, phone.end
    for a, b in pauses:
        if start < b and end > a:
            if start >= a and end <= b:
                return None
            start, end = (start, min(end, a)) if start < a else (max(start, b), end)
    return start, end


def _silence(
    start: float, end: float, quiet: NDArray[np.bool_], table: Visemes
) -> list[tuple[float, float]]:
    """The silences between two sounds.

    Voices give time to the spaces between words that is often not silent at all, so silence has
    to be heard: long enough runs of quiet. Outside the audio all is quiet.
    """
    shortest = table.settings["silence"]["shortest"]
    if end - start < shortest:
        return []
    first, last = max(int(np.ceil(start / _FRAME)), 0), max(int(end / _FRAME), 0)
    inside = np.concatenate([[start <= 0], quiet[first:last], [last >= len(quiet)]])
    found = []
    for a, b in _runs(inside, (first - 1) * _FRAME):
        # a run that fills the gap but for the frames' edges is the whole gap
        a, b = max(a, start), min(b, end)
        a, b = (start if a - start < 2 * _FRAME else a), (end if end - b < 2 * _FRAME else b)
        if b - a >= shortest:
            found.append((a, b))
    return found


def _efforts(spoken: SpokenAudio, shapes: list[list[Viseme] | None], table: Visemes) -> list[float]:
    """How far each phone's vowel goes: longer, stressed and louder ones open wider."""
    e = table.settings["effort"]
    phones = spoken.phones
    duration = np.array([p.end - p.start for p in phones])
    factor = 1 + e["duration_share"] * (duration / e["typical_vowel"] - 1)
    if any(p.stress for p in phones):
        factor = factor * np.array([e["stress"][min(p.stress, 2)] for p in phones])
    vowel = np.array([any(v.vowel for v in s or ()) for s in shapes], dtype=np.bool_)
    level = _levels(spoken)
    if vowel.any() and np.isfinite(level[vowel]).any():
        usual = np.nanmedian(np.where(np.isfinite(level), level, np.nan)[vowel])
        factor = factor * (1 + e["loudness_per_db"] * np.clip(level - usual, -12, 9))
    return [float(f) for f in np.clip(factor, e["least"], e["most"])]


def _levels(spoken: SpokenAudio) -> Vector:
    """Loudness of each phone, dB; ``-inf`` where there is no sound."""
    power = np.concatenate([[0.0], np.cumsum(np.square(spoken.audio, dtype=np.float64))])
    last = len(spoken.audio)
    starts = np.array([min(max(int(p.start * spoken.sample_rate), 0), last) for p in spoken.phones])
    ends = np.array([min(max(int(p.end * spoken.sample_rate), 0), last) for p in spoken.phones])
    if not len(starts):
        return np.zeros(0)
    mean = (power[ends] - power[starts]) / np.maximum(ends - starts, 1)
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(np.maximum(mean, 0.0)))


# -- coarticulation ----------------------------------------------------------------------------


def _blend(
    times: Vector, sounds: list[_Sound], silences: list[tuple[float, float]], table: Visemes
) -> Array:
    """Targets weighted by dominance: ``(len(times), channels)``."""
    owner = np.array(table.owner)
    weight = np.full((len(times), len(table.articulators)), 0.015)  # of the mouth at rest
    total = np.zeros((len(times), len(table.channels)))
    reach = 3.2 * float(max(table.lead.max(), table.lag.max()))
    rest = [_Sound(table.shapes[""], a, b) for a, b in silences]
    for s in sounds + rest:
        # Steady in the middle of long sounds, so that they are held rather than passed through.
        half = (s.end - s.start) / 2
        middle, plateau = s.start + half, max(0.0, half - 0.045)
        i, j = np.searchsorted(times, (middle - plateau - reach, middle + plateau + reach))
        if i == j:
            continue
        tau = times[i:j] - middle
        away = np.sign(tau) * np.maximum(np.abs(tau) - plateau, 0.0)
        width = np.where(away[:, None] < 0, table.lead, table.lag)
        # Very short sounds insist less; they are passed through rather than reached.
        brevity = min(1.0, 0.55 + (s.end - s.start) / 0.08 * 0.45)
        d = s.viseme.dominance * brevity * np.exp(-0.5 * (away[:, None] / width) ** 2)
        weight[i:j] += d
        total[i:j] += d[:, owner] * (s.viseme.target * s.effort)
    mouth = total / weight[:, owner]
    sigma = table.settings["effort"]["smoothing"] * STATE_RATE
    return np.asarray(gaussian_filter1d(mouth, sigma, axis=0, mode="nearest", truncate=3.0))


# -- constraints -------------------------------------------------------------------------------


def _contact(times: Vector, begin: float, end: float, close: float, release: float) -> Vector:
    """1 from `begin` to `end`, rising before and falling after."""
    rise = smoothstep((times - (begin - close)) / close)
    return np.asarray(rise * smoothstep((end + release - times) / release))


def _contacts(times: Vector, sounds: list[_Sound], c: dict[str, Any]) -> tuple[Vector, Vector]:
    """Over time: how far the lips meet each other, and the lower lip the teeth."""
    seal, tuck = np.zeros(len(times)), np.zeros(len(times))
    for s in sounds:
        if not (s.viseme.seal or s.viseme.tuck):
            continue
        begin, end = (s.start + h * (s.end - s.start) for h in s.viseme.hold)
        middle, half = (begin + end) / 2, max(end - begin, c["shortest"]) / 2
        i, j = np.searchsorted(times, (middle - half - 0.1, middle + half + 0.1))
        span = times[i:j], middle - half, middle + half
        met = _contact(*span, c["close"], c["release"]) * s.viseme.seal
        np.maximum(seal[i:j], met, out=seal[i:j])
        tucked = _contact(*span, c["tuck_close"], c["tuck_release"]) * s.viseme.tuck
        np.maximum(tuck[i:j], tucked, out=tuck[i:j])
    return seal, tuck


def _at_rest(times: Vector, silences: list[tuple[float, float]], s: dict[str, Any]) -> Vector:
    """Over time: how far silence has closed the mouth."""
    rest = np.zeros(len(times))
    for a, b in silences:
        half = (b - a) / 2
        margin = 1.0 / STATE_RATE  # short silences close for two samples at least
        begin = a + min(s["settle"], max(half - margin, 0.0))
        end = b - min(s["prepare"], max(half - margin, 0.0))
        close = begin - a + 0.045
        release = b - end + 0.02
        np.maximum(rest, _contact(times, begin, end, close, release), out=rest)
    return rest


def _no_faster(x: Vector, step: float) -> Vector:
    """The largest curve below `x` that changes by at most `step` from state to state."""
    ramp = step * np.arange(len(x))
    forth = np.minimum.accumulate(x - ramp) + ramp
    return np.asarray((np.minimum.accumulate(forth[::-1] - ramp) + ramp)[::-1])


def _constrain(
    times: Vector,
    mouth: Array,
    sounds: list[_Sound],
    silences: list[tuple[float, float]],
    table: Visemes,
) -> NDArray[np.float32]:
    """Impose contact and silence; ``(len(times), 53)``: ARKit and the contact."""
    c = table.settings["contact"]
    x = {name: mouth[:, i] for i, name in enumerate(table.channels)}
    seal, tuck = _contacts(times, sounds, c)
    rest = _at_rest(times, silences, table.settings["silence"])
    # Between a closure and teeth on the lip both change at once: not faster than lips can.
    tuck = _no_faster(tuck * (1 - seal), c["tuck_step"])

    for name in x:
        if name != "mouthPucker":  # lips may already be shaped behind closed doors
            x[name] = x[name] * (1 - rest)
    jaw = x["jawOpen"]
    jaw = jaw + (np.minimum(jaw, c["sealed_jaw"]) - jaw) * seal
    jaw = jaw + (np.minimum(jaw, c["tucked_jaw"]) - jaw) * tuck
    x["jawOpen"] = jaw
    for name in ("mouthFunnel", "mouthLowerDown", "mouthUpperUp", "mouthShrugUpper"):
        x[name] = x[name] * (1 - seal)
    for name in ("mouthLowerDown", "mouthFunnel"):
        x[name] = x[name] * (1 - 0.9 * tuck)
    x["mouthUpperUp"] = x["mouthUpperUp"] * (1 - tuck)  # the tuck's own lift takes over
    x["tongueOut"] = x["tongueOut"] * (1 - seal) * (1 - tuck)

    out = np.zeros((len(times), 53))
    for name, values in x.items():
        out[:, :52] += values[:, None] * (expand({name: 1.0}) > 0)
    out[:, ARKIT_INDEX["mouthClose"]] = jaw * np.maximum(seal, c["tucked_close"] * tuck)
    out[:, :52] += seal[:, None] * expand(c["press"]) + tuck[:, None] * expand(c["tuck"])
    out[:, 52] = np.maximum(seal, tuck)
    np.clip(out, 0.0, 1.0, out=out)
    out[0, :52] = out[-1, :52] = 0.0
    return out.astype(np.float32)
