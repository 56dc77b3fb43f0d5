"""Emotion as motion: what a feeling does to the face, how it comes and how it goes.

A feeling rises in its own time (0.2 to 0.6 s), a little beyond its lasting strength at first, as
spontaneous expressions do; holds; and fades away exponentially. While it lasts it flickers up now
and then for a quarter of a second (micro-expressions, Ekman 2003). Position and speed never jump.
The table is ``emotion.toml``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from visavis.animation.smoothing import Spring, Vector
from visavis.animation.style import expand

NEUTRAL = "neutral"
#: A feeling goes back to none at this pace, s.
_RELAX = 0.6
#: At its onset a feeling is stronger by this part, for so many of its rise times.
_PEAK, _PEAK_LENGTH = 0.18, 2.5
#: Flickers while a feeling lasts: shortest and longest time between them, length (s), and strength.
_FLICKER_EVERY, _FLICKER_LENGTH, _FLICKER = (3.5, 8.0), 0.25, 0.22


@dataclass(frozen=True, slots=True)
class Feeling:
    """One emotion at full intensity.

    Attributes:
        shape: ``(55,)``: 52 ARKit coefficients, then pitch, yaw and roll of the head, radians.
        rise: Seconds to come within a tenth of it.
        hold: Seconds it stays.
        fade: Time constant of its going, s.
    """

    shape: Vector
    rise: float
    hold: float
    fade: float


@cache
def _table() -> dict[str, Any]:
    text = (resources.files("visavis.animation") / "emotion.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def feelings() -> dict[str, Feeling]:
    """All emotions by label, neutral first."""
    out = {NEUTRAL: Feeling(np.zeros(55), _RELAX, 0.0, 1.0)}
    for label, raw in _table()["emotion"].items():
        shape = np.concatenate([expand(raw["expression"]), np.radians(raw["head"])])
        out[label] = Feeling(shape, raw["rise"], raw["hold"], raw["fade"])
    return out


def labels() -> tuple[str, ...]:
    """The emotions there are, neutral first."""
    return tuple(feelings())


def check(label: str, intensity: float) -> None:
    """Raise unless there is such an emotion.

    Raises:
        ValueError: unknown label, or an intensity outside 0..1.
    """
    if label not in feelings():
        raise ValueError(f"no emotion {label!r}; there are {', '.join(labels())}")
    if not 0.0 <= intensity <= 1.0:
        raise ValueError(f"intensity must be in 0..1, got {intensity}")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str, float], ...]:
    return tuple(
        (re.compile(rule["pattern"], re.IGNORECASE), rule["emotion"], rule["intensity"])
        for rule in _table()["inferred"]
    )


def infer(text: str) -> tuple[str, float] | None:
    """What the words themselves suggest, weakly; None for most of what is said."""
    for pattern, label, intensity in _patterns():
        if pattern.search(text):
            return label, intensity
    return None


class Emotion:
    """The feeling of one face.

    Args:
        rng: For flickers.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._spring = Spring(np.zeros(55), _RELAX)
        self._feeling = feelings()[NEUTRAL]
        self.label, self.intensity = NEUTRAL, 0.0
        self._asked: tuple[str, float] | None = None
        self._onset = 0.0
        self._flicker = np.inf
        self._t: float | None = None

    def set(self, label: str, intensity: float = 1.0) -> None:
        """Feel this from the next state on.

        Raises:
            ValueError: unknown label, or an intensity outside 0..1.
        """
        check(label, intensity)
        self._asked = (label, intensity)

    def at(self, t: float) -> Vector:
        """``(55,)`` at `t` (s, not decreasing): ARKit coefficients, then the head's turn (rad)."""
        dt = 0.0 if self._t is None else max(t - self._t, 0.0)
        self._t = t
        if self._asked is not None:
            self.label, self.intensity = self._asked
            self._feeling, self._asked = feelings()[self.label], None
            self._onset, self._flicker = t, t + self._rng.uniform(*_FLICKER_EVERY)
        strength = self._strength(t)
        if strength < 0.02 and self.label != NEUTRAL:
            self.label, self.intensity, self._feeling = NEUTRAL, 0.0, feelings()[NEUTRAL]
        self._spring.time = self._feeling.rise
        return self._spring.step(self._feeling.shape * strength, dt)

    def _strength(self, t: float) -> float:
        feeling, since = self._feeling, t - self._onset
        strength = self.intensity
        if since > feeling.hold:
            strength *= float(np.exp(-(since - feeling.hold) / feeling.fade))
        elif since < _PEAK_LENGTH * feeling.rise:
            strength *= 1 + _PEAK
        if t >= self._flicker:
            if t < self._flicker + _FLICKER_LENGTH:
                strength *= 1 + _FLICKER
            else:
                self._flicker = t + self._rng.uniform(*_FLICKER_EVERY)
        return strength
