"""The measures of a talking face, on its track and its sound.

Each says in what unit it is and what is good. Mouth openings are compared with the same face's own
closed mouth, so that a beard or a lower lip that casts a shadow does not count against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.face.track import Track
from visavis.evaluation.lipsync import RATE as GRID
from visavis.evaluation.lipsync import loudness
from visavis.media.spoken import Phone
from visavis.media.video import AUDIO_RATE

Array = NDArray[np.float64]

#: A shape may be this much before or after the middle of its sound, s.
TOLERANCE = 0.04
#: Above the face's own closed mouth by this many inter-ocular distances (about 1.5 mm) the lips are
#: apart; lips on teeth leave up to that much more.
APART, TUCKED = 0.025, 0.05
#: A mouth narrower than this part of its median width is rounded.
ROUND = 0.94
#: Sound this far below the film's loud parts is silence, dB; only stretches this long count, s, and
#: what is this near to speech does not, s: lips close after and open before the sound.
SILENCE_DB, SILENCE_LONG, SILENCE_EDGE = 32.0, 0.35, 0.10
#: A skull that moves by more than this between pictures 1/30 s apart has jumped (inter-ocular).
JUMP = 0.10
#: Seconds over which an identity is averaged.
WINDOW = 5.0
#: Eyes this far shut, of their median opening, blink.
SHUT = 0.55

CLOSED = frozenset("pbm")
#: Vowels that part the lips.
OPEN = frozenset({"ɑ", "ɑː", "æ", "ʌ", "ɐ", "ɛ", "eɪ", "aɪ", "aʊ"})
LABIODENTAL = frozenset("fv")
ROUNDED = frozenset({"u", "uː", "ʊ", "o", "oː", "w", "oʊ", "əʊ", "ɔ", "ɔː"})


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of the sounds that ask for a shape got it.

    Attributes:
        wanted: Sounds.
        got: Of these, with the shape within the tolerance.
        missed: Times of the others, s.
    """

    wanted: int
    got: int
    missed: tuple[float, ...]

    @property
    def share(self) -> float:
        """0..1; NaN if there was nothing to get."""
        return self.got / self.wanted if self.wanted else float("nan")


def closed_level(track: Track) -> float:
    """The opening up to which this face's mouth is closed."""
    return float(np.quantile(track.opening, 0.03)) + APART


def _recall(
    track: Track, phones: tuple[Phone, ...], sounds: frozenset[str], shaped: NDArray[np.bool_]
) -> Recall:
    missed, wanted = [], 0
    for phone in phones:
        if phone.ipa not in sounds:
            continue
        middle = (phone.start + phone.end) / 2
        near = np.abs(track.t - middle) <= TOLERANCE
        if not near.any():
            continue
        wanted += 1
        if not shaped[near].any():
            missed.append(middle)
    return Recall(wanted, wanted - len(missed), tuple(missed))


def closures(track: Track, phones: tuple[Phone, ...]) -> Recall:
    """/p b m/: lips closed within ±40 ms of the sound's middle.

    Not of its whole stretch: with 40 ms on either side that lasts four pictures or more, in which
    lips that talk meet by chance as often as not.
    A mouth that never opens has all of them: believe it only together with :func:`openings`.
    """
    return _recall(track, phones, CLOSED, track.opening <= closed_level(track))


def openings(track: Track, phones: tuple[Phone, ...]) -> Recall:
    """Open vowels: lips apart within ±40 ms of the sound's middle; the other side of closures."""
    return _recall(track, phones, OPEN, track.opening > closed_level(track))


def lip_on_teeth(track: Track, phones: tuple[Phone, ...]) -> Recall:
    """/f v/: hardly any gap. A weak stand-in: a closed mouth would pass as well."""
    return _recall(track, phones, LABIODENTAL, track.opening <= closed_level(track) + TUCKED)


def sealed_labiodentals(track: Track, phones: tuple[Phone, ...]) -> float:
    """Part of /f v/ with the lips closed as for /p b m/ all along, 0..1; NaN without any.

    Teeth on a lip leave the lips apart; a face at which this is 1 does not tell /f/ from /p/.
    """
    apart = _recall(track, phones, LABIODENTAL, track.opening > closed_level(track))
    return 1 - apart.share


def rounding(track: Track, phones: tuple[Phone, ...]) -> Recall:
    """/u o w/: the mouth narrower than this face's usual."""
    return _recall(track, phones, ROUNDED, track.width < ROUND * np.median(track.width))


def silence(track: Track, sound: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which rows of the track lie in silence, well away from speech."""
    grid = np.arange(0, len(sound) / AUDIO_RATE, 1 / GRID)
    level = 20 * loudness(sound, AUDIO_RATE, 0.0, grid)
    quiet = level < np.quantile(level, 0.95) - SILENCE_DB
    quiet |= level < -48
    keep = np.zeros(len(grid), bool)
    edges = np.flatnonzero(np.diff(np.r_[False, quiet, False].astype(int)))
    for begin, end in edges.reshape(-1, 2):
        if (end - begin) / GRID >= SILENCE_LONG:
            inset = round(SILENCE_EDGE * GRID)
            keep[begin + inset : end - inset] = True
    return np.asarray(np.interp(track.t, grid, keep.astype(float)) > 0.99)


def heard(track: Track, sound: NDArray[np.int16], phones: tuple[Phone, ...]) -> tuple[Phone, ...]:
    """The phonemes whose middle is not silent.

    Voices draw the last sound before a pause into it; of what nobody hears no shape is asked, and
    a mouth at rest is not to be praised for it either.
    """
    quiet = silence(track, sound)
    middles = np.array([(p.start + p.end) / 2 for p in phones])
    row = np.clip(np.searchsorted(track.t, middles), 0, len(track.t) - 1)
    return tuple(p for p, i in zip(phones, row, strict=True) if not quiet[i])


def closed_in_silence(track: Track, sound: NDArray[np.int16]) -> float:
    """Part of the silent pictures with the mouth closed; NaN without silence."""
    quiet = silence(track, sound)
    return float(np.mean(track.opening[quiet] <= closed_level(track))) if quiet.any() else np.nan


def agreement(track: Track, sound: NDArray[np.int16], shift: float = 0.0) -> float:
    """Correlation of mouth opening and loudness, the sound later by `shift` (s); no search.

    Taking the best over all lags, as LSE-C does, would forgive a constant offset.
    """
    inside = (track.t > abs(shift) + 0.1) & (track.t < len(sound) / AUDIO_RATE - abs(shift) - 0.1)
    if inside.sum() < 20:
        return float("nan")
    heard, seen = loudness(sound, AUDIO_RATE, shift, track.t[inside]), track.opening[inside]
    if np.ptp(heard) == 0.0 or np.ptp(seen) == 0.0:
        return float("nan")
    return float(np.corrcoef(seen, heard)[0, 1])


@dataclass(frozen=True, slots=True)
class Identity:
    """Likeness to the film's own beginning, :data:`WINDOW` by window.

    Attributes:
        mean: Mean cosine.
        lowest: The least.
        slope: Change per minute.
        slope_error: Its standard error; NaN with fewer than four windows.
        momentary: 5th percentile of single pictures: expressions and blinks included.
    """

    mean: float
    lowest: float
    slope: float
    slope_error: float
    momentary: float


def identity(track: Track) -> Identity:
    """Whether it stays the same person.

    An embedding of one picture also tells a smile from a blink; the mean over some seconds is who
    it is. So windows are compared, each with the first.
    """
    own = track.identity
    centre = _unit(own.mean(0))
    starts = np.arange(track.identity_t[0], track.identity_t[-1] - WINDOW / 2, WINDOW)
    index = np.searchsorted(track.identity_t, starts)
    windows = [_unit(w.mean(0)) for w in np.split(own, index[1:]) if len(w)]
    cosine = np.array([float(w @ windows[0]) for w in windows[1:]] or [1.0])
    slope, error = 0.0, float("nan")
    minutes = np.arange(len(cosine)) * WINDOW / 60
    if len(cosine) > 3:
        line, spread = np.polyfit(minutes, cosine, 1, cov=True)
        slope, error = float(line[0]), float(np.sqrt(max(spread[0, 0], 0.0)))
    momentary = float(np.quantile(own @ centre, 0.05))
    return Identity(float(cosine.mean()), float(cosine.min()), slope, error, momentary)


def likeness(track: Track, other: Track) -> float:
    """Cosine of the mean embeddings of two films; well below :func:`identity` for two people."""
    return float(_unit(track.identity.mean(0)) @ _unit(other.identity.mean(0)))


def _unit(v: Array) -> Array:
    return np.asarray(v / np.linalg.norm(v))


def jumps(track: Track) -> tuple[float, ...]:
    """Times at which the head jumped, s. A cut or a shaken head looks like one, too."""
    if len(track.t) < 3:
        return ()
    step = np.linalg.norm(np.diff(track.rigid, axis=0), axis=2).mean(1)
    pace = step / np.maximum(np.diff(track.t) * 30, 1.0)
    return tuple(float(t) for t in track.t[1:][pace > JUMP])


def jitter(track: Track) -> float:
    """Trembling of the skull: mean second difference of its points, inter-ocular distances."""
    return float(np.abs(np.diff(track.rigid, n=2, axis=0)).mean()) if len(track.t) > 3 else 0.0


def lip_speeds(track: Track) -> tuple[float, float]:
    """How fast the mouth opens or closes, inter-ocular distances a second: 99th percentile, most.

    Neither has a target of its own: compare with real footage at the same rate of pictures.
    """
    pace = np.abs(np.diff(track.opening)) / np.maximum(np.diff(track.t), 1e-3)
    return (float(np.quantile(pace, 0.99)), float(pace.max())) if len(pace) else (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Blinks:
    """Blinking; people talking blink 15 to 30 times a minute, for 100 to 400 ms.

    Attributes:
        per_minute: Blinks.
        duration: Median length, s; NaN if there were none.
        interval: Median time from one to the next, s; NaN with fewer than two.
        times: When each begins, s.
    """

    per_minute: float
    duration: float
    interval: float
    times: tuple[float, ...]


def blinks(track: Track) -> Blinks:
    """Blinks, from the lids."""
    shut = track.eyes < SHUT * np.median(track.eyes)
    edges = np.flatnonzero(np.diff(np.r_[False, shut, False].astype(int))).reshape(-1, 2)
    spans = [(track.t[b], track.t[min(e, len(track.t) - 1)]) for b, e in edges]
    real = [(begin, end - begin) for begin, end in spans if 0.03 < end - begin < 0.8]
    begins = [float(begin) for begin, _ in real]
    minutes = max(track.t[-1] - track.t[0], 1e-6) / 60
    return Blinks(
        len(real) / minutes,
        float(np.median([length for _, length in real])) if real else float("nan"),
        float(np.median(np.diff(begins))) if len(begins) > 1 else float("nan"),
        tuple(begins),
    )
