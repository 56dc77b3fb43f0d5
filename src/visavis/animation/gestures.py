"""Head and brows that speak along: beats on stressed words, falls at the ends of phrases.

Head nods and brow rises go with pitch accents, and nods with the ends of phrases (Graf et al.
2002, "Visual prosody"; Munhall et al. 2004).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from visavis.animation.smoothing import Vector
from visavis.animation.style import Style
from visavis.animation.track import Track, sample_times
from visavis.media.spoken import Phone, SpokenAudio

#: Pitch, yaw, roll (radians), and a rise of the brows (coefficient).
SIZE = 4
_LEAD_IN, _TAIL = 0.45, 0.75
#: Beats are at least this far apart, seconds.
_APART = 0.62
#: A pause this long ends a phrase, seconds.
_PAUSE = 0.16


def plan_gestures(spoken: SpokenAudio, rng: np.random.Generator, style: Style) -> Track:
    """Gestures of an utterance: 4 values (:data:`SIZE`), seconds from its first sample."""
    times = sample_times(-_LEAD_IN, spoken.duration + _TAIL)
    out = np.zeros((len(times), SIZE))
    for apex, strength in _accents(spoken):
        strength *= float(rng.uniform(0.6, 1.2))
        if rng.random() < 0.8:
            # The head tips down into the accent, a little to a side, and comes back slower.
            beat = _stroke(times, apex + float(rng.normal(0.0, 0.025)), 0.19, 0.36)
            out[:, 0] += style.beat * strength * beat
            out[:, 1] += style.beat * strength * float(rng.uniform(-0.6, 0.6)) * beat
            out[:, 2] += style.beat * strength * float(rng.uniform(-0.5, 0.5)) * beat
        if rng.random() < 0.5 * strength:
            rise = _stroke(times, apex - 0.03, 0.20, 0.45)
            out[:, 3] += style.brow * float(rng.uniform(0.5, 1.2)) * rise
    asks = bool(spoken.words) and spoken.words[-1].text.rstrip("\"'”’)").endswith("?")
    for end, last in _phrase_ends(spoken):
        fall = _stroke(times, end - 0.03, 0.32, 0.60)
        if last and asks:
            out[:, 0] -= 0.6 * style.beat * fall
            out[:, 2] += float(rng.choice([-1.0, 1.0])) * 0.8 * style.beat * fall
            out[:, 3] += 0.9 * style.brow * fall
        else:
            out[:, 0] += (0.7 if last else 0.45) * style.beat * fall
    out[[0, -1]] = 0.0
    return Track(-_LEAD_IN, out.astype(np.float32))


def _stroke(times: Vector, apex: float, before: float, after: float) -> Vector:
    """A smooth swing: 0, 1 at `apex`, 0; `before` and `after` seconds long."""
    x = np.where(times < apex, (times - apex) / before, (times - apex) / after)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip(x, -1.0, 1.0)))


def _accents(spoken: SpokenAudio) -> list[tuple[float, float]]:
    """Times and strengths (about 0.6 to 1.3) of the accents that show, in order."""
    stressed = [p for p in spoken.phones if p.stress == 1 and p.end > p.start]
    if not stressed:
        return []
    weight = np.array([_prominence(spoken, p) for p in stressed])
    weight = weight / max(float(np.median(weight)), 1e-9)
    chosen: list[tuple[float, float]] = []
    for i in np.argsort(-weight):
        at = (stressed[i].start + stressed[i].end) / 2
        if weight[i] >= 0.8 and all(abs(at - other) >= _APART for other, _ in chosen):
            chosen.append((at, float(np.clip(weight[i], 0.6, 1.3))))
    return sorted(chosen)


def _prominence(spoken: SpokenAudio, phone: Phone) -> float:
    """Accented vowels are long and loud."""
    a, b = (int(x * spoken.sample_rate) for x in (phone.start, phone.end))
    samples = spoken.audio[max(a, 0) : max(b, 0)].astype(np.float64)
    loud = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
    return float((phone.end - phone.start) ** 0.6 * (loud + 50.0) ** 0.5)


def _phrase_ends(spoken: SpokenAudio) -> list[tuple[float, bool]]:
    """Ends of phrases, and whether it is the utterance's end."""
    voiced = [p for p in spoken.phones if p.ipa.strip()]
    ends = [(a.end, False) for a, b in pairwise(voiced) if b.start - a.end >= _PAUSE]
    return [*ends, (voiced[-1].end, True)] if voiced else []
