"""From IPA symbols, in the spellings voices use, to shapes of the mouth (``visemes.toml``)."""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from visavis.animation.smoothing import Vector

#: Vowels so reduced that they insist little on their shape.
_REDUCED = frozenset("əᵊᵻ")
_STOPS = frozenset("tdkgɡcɟqʈɖ")


@dataclass(frozen=True, slots=True)
class Viseme:
    """The shape of the mouth for one sound.

    Attributes:
        target: Coefficient of each of :attr:`Visemes.channels`.
        dominance: Of each of :attr:`Visemes.articulators`.
        vowel: Whether effort scales it.
        seal: 0..1, how far the lips meet.
        tuck: 0..1, how far the lower lip meets the upper teeth.
        hold: Part of the segment over which the contact lasts.
    """

    target: Vector
    dominance: Vector
    vowel: bool = False
    seal: float = 0.0
    tuck: float = 0.0
    hold: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Visemes:
    """The table.

    Attributes:
        channels: ARKit coefficients the table speaks of, without Left and Right.
        articulators: Names, in the order of :attr:`Viseme.dominance`.
        owner: For each channel, the index of its articulator.
        lead: Standard deviation of each articulator's dominance before its plateau, s.
        lag: The same after it.
        shapes: By IPA symbol; ``""`` is silence, ``"?"`` a sound in no table.
        spellings: Symbols that stand for other symbols.
        settings: The tables ``contact``, ``silence`` and ``effort``.
    """

    channels: tuple[str, ...]
    articulators: tuple[str, ...]
    owner: tuple[int, ...]
    lead: Vector
    lag: Vector
    shapes: dict[str, Viseme]
    spellings: dict[str, str]
    settings: dict[str, Any]

    def sounds(self, ipa: str) -> list[Viseme] | None:
        """The shapes of one phone in order; None for silence, ``[]`` if it has no shape.

        Takes single sounds, diphthongs and affricates; stress, length, tone and other marks are
        passed over, and an unknown letter becomes a small neutral opening.
        """
        found: list[Viseme] = []
        mute = True
        for char in unicodedata.normalize("NFC", ipa):
            known = self._known(char)
            if known:
                found += known
                mute = False
            elif unicodedata.category(char)[0] not in "PZCS":
                mute = False
                if unicodedata.category(char) in ("Ll", "Lu", "Lo", "Lt"):
                    found.append(self.shapes["?"])
        return None if mute else found

    def _known(self, char: str) -> list[Viseme]:
        for c in (char, unicodedata.normalize("NFD", char)[0], char.lower()):
            if c and c in self.shapes and c != "?":
                return [self.shapes[c]]
            if c in self.spellings:
                return [self.shapes[s] for s in self.spellings[c]]
        return []


def _vowel(place: list[float], corners: dict[str, Vector]) -> Vector:
    """Trilinear interpolation in openness, backness and rounding."""
    openness, back, rounding = place
    out = np.zeros_like(corners["close_front"])
    for height, h in (("close", 1 - openness), ("open", openness)):
        for side, b in (("front", 1 - back), ("back", back)):
            for lips, r in (("", 1 - rounding), ("_rounded", rounding)):
                out += h * b * r * corners[f"{height}_{side}{lips}"]
    return out


@cache
def visemes() -> Visemes:
    """The table of ``visemes.toml``."""
    raw = tomllib.loads((resources.files("visavis.animation") / "visemes.toml").read_text("utf-8"))
    articulators = raw["articulators"]
    channels = tuple(c for a in articulators.values() for c in a["channels"])
    owner = tuple(i for i, a in enumerate(articulators.values()) for _ in a["channels"])

    def shape(target: dict[str, float]) -> Vector:
        if unknown := set(target) - set(channels):
            raise ValueError(f"visemes.toml: no articulator moves {sorted(unknown)}")
        return np.array([target.get(c, 0.0) for c in channels])

    def insist(dominance: dict[str, float]) -> Vector:
        return np.array([dominance[a] for a in articulators])

    shapes = {"": Viseme(shape({}), insist(raw["silence"]["dominance"]))}
    corners = {name: shape(c) for name, c in raw["vowel_corners"].items()}
    general = raw["vowel_dominance"]
    for symbol, place in raw["vowels"].items():
        lips = general["round"] * (1 - place[2]) + general["rounded_dominance"] * place[2]
        scale = general["reduced"] if symbol in _REDUCED else 1.0
        shapes[symbol] = Viseme(
            _vowel(place, corners), insist({**general, "round": lips}) * scale, vowel=True
        )
    for name, c in raw["consonants"].items():
        viseme = Viseme(
            shape(c["target"]),
            insist(c["dominance"]),
            seal=c.get("seal", 0.0),
            tuck=c.get("tuck", 0.0),
            hold=tuple(c.get("hold", (0.0, 1.0))),
        )
        for symbol in c["symbols"].split() or (["?"] if name == "unknown" else []):
            if symbol in shapes:
                raise ValueError(f"visemes.toml: {symbol!r} is given twice")
            shapes[symbol] = viseme
    return Visemes(
        channels=channels,
        articulators=tuple(articulators),
        owner=owner,
        lead=np.array([a["lead"] for a in articulators.values()]),
        lag=np.array([a["lag"] for a in articulators.values()]),
        shapes=shapes,
        spellings=raw["spellings"],
        settings={k: raw[k] for k in ("contact", "silence", "effort")},
    )


def shares(sounds: list[Viseme], ipa: str) -> Vector:
    """How a phone's time is divided among its sounds; sums to 1.

    The nucleus of a diphthong outlasts its glide; the stop of an affricate is shorter than its
    friction.
    """
    weight = np.ones(len(sounds))
    for i in range(len(sounds) - 1):
        if sounds[i].vowel and sounds[i + 1].vowel:
            weight[i] = 1.4
        elif not sounds[i].vowel and not sounds[i + 1].vowel and ipa[:1] in _STOPS | set("ʤʧʣʦʥʨ"):
            weight[i] = 0.7
    return np.asarray(weight / weight.sum())
