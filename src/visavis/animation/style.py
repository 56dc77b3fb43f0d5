"""Behaviour as data: how lively a face is in each state of a conversation."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import numpy as np

from visavis.animation.face_state import ARKIT_INDEX
from visavis.animation.smoothing import Vector

#: The states of a conversation, seen from the face.
Mode = Literal["idle", "listening", "thinking", "speaking"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class Gazing:
    """Where the eyes go. Angles in radians, times in seconds.

    Attributes:
        wander: Standard deviation (pitch, yaw) of fixations on the viewer's face.
        hold: Median of how long such a fixation lasts.
        avert: Probability that a fixation is followed by a look away.
        away: Mean pitch and mean |yaw| of looks away.
        away_hold: Shortest and longest look away.
    """

    wander: tuple[float, float]
    hold: float
    avert: float
    away: tuple[float, float]
    away_hold: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ModeStyle:
    """One state of the conversation.

    Attributes:
        blink_interval: Median seconds between blinks.
        sway: Standard deviation of the head's wandering, radians.
        breath: Breaths per second.
        posture: ``(6,)`` as :attr:`FaceState.head`.
        expression: ``(52,)`` ARKit coefficients.
        gaze: Where the eyes go.
    """

    blink_interval: float
    sway: float
    breath: float
    posture: Vector
    expression: Vector
    gaze: Gazing


@dataclass(frozen=True, slots=True)
class Backchannel:
    """Visual backchannels while listening.

    Attributes:
        nod: Probability of a nod at a short pause of the user.
        smile: Of a smile instead.
        apart: Shortest time between two, s.
        smile_intensity: Of the smile, 0..1.
    """

    nod: float
    smile: float
    apart: float
    smile_intensity: float


@dataclass(frozen=True, slots=True)
class Shift:
    """Shifts of posture.

    Attributes:
        every: Shortest and longest time between two, s.
        reach: ``(6,)`` standard deviations, as :attr:`FaceState.head`.
    """

    every: tuple[float, float]
    reach: Vector


@dataclass(frozen=True, slots=True)
class Style:
    """A manner of behaving.

    Attributes:
        modes: By state of the conversation.
        beat: Head beat on a stressed word, radians.
        brow: Rise of the brows on a stressed word, coefficient.
        nod: Depth of a nod, radians.
        blink_spread: Standard deviation of the logarithm of blink intervals.
        double_blink: Probability that a blink is followed by another at once.
        backchannel: Nods and smiles while listening.
        shift: Of posture.
    """

    modes: dict[Mode, ModeStyle]
    beat: float
    brow: float
    nod: float
    blink_spread: float
    double_blink: float
    backchannel: Backchannel
    shift: Shift


def expand(coefficients: dict[str, float]) -> Vector:
    """ARKit coefficients by name as ``(52,)``; a name without Left or Right sets both.

    Raises:
        ValueError: a name is no ARKit blendshape.
    """
    out = np.zeros(52)
    for name, value in coefficients.items():
        sides = [name] if name in ARKIT_INDEX else [f"{name}Left", f"{name}Right"]
        for side in sides:
            if side not in ARKIT_INDEX:
                raise ValueError(f"{name!r} is not an ARKit blendshape; see ARKIT_NAMES")
            out[ARKIT_INDEX[side]] = value
    return out


@cache
def _table() -> dict[str, Any]:
    text = (resources.files("visavis.animation") / "behaviour.toml").read_text("utf-8")
    return tomllib.loads(text)


def style_names() -> tuple[str, ...]:
    """The manners in ``behaviour.toml``."""
    return tuple(_table()["manner"])


def _mode(raw: dict[str, Any], manner: dict[str, float]) -> ModeStyle:
    move, gaze = manner["movement"], raw["gaze"]
    angles = np.radians([*raw["posture"][:3]])
    return ModeStyle(
        blink_interval=raw["blink_interval"] / manner["blinking"],
        sway=float(np.radians(raw["sway"])) * move,
        breath=raw["breaths_per_minute"] / 60,
        posture=np.concatenate([angles, raw["posture"][3:]]),
        expression=expand(raw["expression"]) * manner["expression"],
        gaze=Gazing(
            wander=(float(np.radians(gaze["wander"][0])), float(np.radians(gaze["wander"][1]))),
            hold=gaze["hold"] / manner["gaze"],
            avert=min(1.0, gaze["avert"] * manner["gaze"]),
            away=(float(np.radians(gaze["away"][0])), float(np.radians(gaze["away"][1]))),
            away_hold=(gaze["away_hold"][0], gaze["away_hold"][1]),
        ),
    )


def _backchannel(raw: dict[str, float], often: float) -> Backchannel:
    return Backchannel(
        nod=raw["nod"] * often,
        smile=raw["smile"] * often,
        apart=raw["apart"] / often,
        smile_intensity=raw["smile_intensity"],
    )


@cache
def load_style(name: str = "natural") -> Style:
    """The named manner of behaving.

    Raises:
        ValueError: there is none of that name.
    """
    table = _table()
    if name not in table["manner"]:
        raise ValueError(f"no manner {name!r}; there are {', '.join(table['manner'])}")
    manner, speech = table["manner"][name], table["speech"]
    return Style(
        modes={m: _mode(table["mode"][m], manner) for m in MODES},
        beat=float(np.radians(speech["beat"])) * manner["movement"],
        brow=speech["brow"] * manner["expression"],
        nod=float(np.radians(speech["nod"])) * manner["movement"],
        blink_spread=table["blink"]["spread"],
        double_blink=table["blink"]["double"],
        backchannel=_backchannel(table["backchannel"], manner["backchannel"]),
        shift=Shift(
            every=(table["shift"]["every"][0], table["shift"]["every"][1]),
            reach=manner["movement"]
            * np.concatenate([np.radians(table["shift"]["turn"]), table["shift"]["move"]]),
        ),
    )
