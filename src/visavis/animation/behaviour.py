"""What a face does besides speaking: blinks, looks, sways, breathes, nods, and wears a mood.

Everything is a function of time and of a seed; the state of the conversation changes what it
tends towards, never where it is.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from visavis.animation.blinking import Blinking
from visavis.animation.face_state import ARKIT_INDEX as AT
from visavis.animation.gazing import Gazing
from visavis.animation.smoothing import Noise, Spring, Vector
from visavis.animation.style import MODES, Mode, ModeStyle, Style, expand

#: Seconds a mode's posture and expression take to come over the face.
_TRANSITION = 0.7
#: Seconds a shift of posture takes.
_SHIFT_TIME = 1.6
#: Seconds the head takes to follow the eyes, and the part of the way it goes.
_HEAD_FOLLOWS, _HEAD_SHARE = 0.55, 0.32
#: Sway of yaw and roll relative to pitch, and of x, y, z (inter-ocular distances) per radian.
_SWAY = np.array([0.8, 1.0, 0.7, 0.55, 0.25, 0.6])
#: A breath lifts the head by this many inter-ocular distances, and tips it back (radians).
_BREATH_LIFT, _BREATH_TIP = 0.010, 0.0045
#: A full eyeLook coefficient is the eye turned this far, radians (28°).
_EYE_RANGE = 0.489
#: Two strokes of a nod: onset, length (s) and share of its depth.
_STROKES = ((0.0, 0.48, 1.0), (0.42, 0.42, 0.45))


def _bump(since: float, length: float) -> float:
    """A raised cosine: 0 outside ``0..length``, 1 in its middle."""
    if since <= 0.0 or since >= length:
        return 0.0
    return 0.5 - 0.5 * float(np.cos(2 * np.pi * since / length))


def _breath(phase: float) -> float:
    """Fill of the chest over one breath, 0..1: in for two fifths, out slower, a short rest."""
    if phase < 0.4:
        return 0.5 - 0.5 * float(np.cos(np.pi * phase / 0.4))
    if phase < 0.9:
        return 0.5 + 0.5 * float(np.cos(np.pi * (phase - 0.4) / 0.5))
    return 0.0


class Behaviour:
    """Idle behaviour.

    Args:
        seed: The same seed and calls give the same behaviour.
        style: Manner of behaving.
    """

    def __init__(self, seed: int, style: Style) -> None:
        chance = np.random.default_rng(seed).spawn(5)
        self._style = style
        self._mode: Mode = "idle"
        self._blinking = Blinking(chance[0], style)
        self._gazing = Gazing(chance[1], style)
        self._noise = Noise(9, chance[2])  # 6 of the head, breath, smile, brows
        rng = chance[3]
        self._phase = float(rng.uniform())
        # Nobody smiles evenly.
        lean = float(rng.uniform(-0.1, 0.1))
        self._asymmetry = 1.0 + lean * (expand({"mouthSmileLeft": 1, "cheekSquintLeft": 1}))
        self._asymmetry -= lean * expand({"mouthSmileRight": 1, "cheekSquintRight": 1})
        self._smile = expand({"mouthSmile": 1.0, "cheekSquint": 0.5})
        self._brows = expand({"browInnerUp": 1.0, "browOuterUp": 0.8})
        mode = style.modes["idle"]
        self._manner = Spring(self._targets(mode), _TRANSITION)
        self._head_turn = Spring(np.zeros(2), _HEAD_FOLLOWS)
        self._shifting = Spring(np.zeros(6), _SHIFT_TIME)
        self._shift_to = np.zeros(6)
        self._shift_rng = chance[4]
        self._next_shift = float(self._shift_rng.uniform(*style.shift.every))
        self._nods: deque[tuple[float, float]] = deque(maxlen=4)
        self._t: float | None = None
        self._asked_nod: float | None = None
        self._asked_blink = False

    @staticmethod
    def _targets(mode: ModeStyle) -> Vector:
        return np.concatenate([mode.posture, [mode.sway, mode.breath], mode.expression])

    # -- triggers -------------------------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        """The state of the conversation."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """The state of the conversation is now `mode`.

        Raises:
            ValueError: there is no such state.
        """
        if mode not in MODES:
            raise ValueError(f"no mode {mode!r}; there are {', '.join(MODES)}")
        self._mode = mode
        self._gazing.set_mode(mode, self._t)

    def nod(self, strength: float = 1.0) -> None:
        """Nod, beginning with the next state; `strength` 1 is a plain yes."""
        self._asked_nod = strength

    def blink(self) -> None:
        """Blink with the next state."""
        self._asked_blink = True

    # -- states ---------------------------------------------------------------------------------

    def at(self, t: float) -> tuple[Vector, Vector, Vector]:
        """Coefficients ``(52,)``, head ``(6,)``, gaze in the world ``(2,)`` at `t` (s).

        Call with `t` not decreasing; a step may have any length.
        """
        dt = 0.0 if self._t is None else max(t - self._t, 0.0)
        self._t = t
        mode = self._style.modes[self._mode]
        manner = self._manner.step(self._targets(mode), dt)
        posture, sway, breath_rate, expression = manner[:6], manner[6], manner[7], manner[8:]
        noise = self._noise.at(t)
        gaze = self._gazing.at(t)

        head = posture + sway * _SWAY * noise[:6] + self._shift(t, dt)
        turn = self._head_turn.step(_HEAD_SHARE * np.array(self._gazing.target), dt)
        head[:2] += turn
        head[0] += self._nodding(t)
        self._phase += dt * float(breath_rate) * max(0.5, 1 + 0.15 * float(noise[6]))
        fill = _breath(self._phase % 1.0)
        head[4] += _BREATH_LIFT * fill
        head[0] -= _BREATH_TIP * fill

        mood = 1 + 0.25 * np.clip(noise[7], -2, 2) * self._smile
        mood += 0.35 * np.clip(noise[8], -2, 2) * self._brows
        arkit = expression * self._asymmetry * mood
        self._close_lids(arkit, t, mode)
        return arkit, head, np.array(gaze)

    def _shift(self, t: float, dt: float) -> Vector:
        """The weight of the body, shifted now and then, ``(6,)``."""
        if t >= self._next_shift:
            table = self._style.shift
            self._shift_to = np.clip(self._shift_rng.standard_normal(6), -1.8, 1.8) * table.reach
            self._next_shift = t + float(self._shift_rng.uniform(*table.every))
        return self._shifting.step(self._shift_to, dt)

    def _nodding(self, t: float) -> float:
        if self._asked_nod is not None:
            if not self._nods or t - self._nods[-1][0] > 0.4:  # not nodding already
                self._nods.append((t, self._asked_nod * self._style.nod))
            self._asked_nod = None
        return sum(
            depth * share * _bump(t - start - onset, length)
            for start, depth in self._nods
            for onset, length, share in _STROKES
        )

    def _close_lids(self, arkit: Vector, t: float, mode: ModeStyle) -> None:
        if self._asked_blink or self._gazing.wants_blink:
            self._blinking.now(t, mode)
            self._asked_blink = self._gazing.wants_blink = False
        closed = self._blinking.at(t, mode)
        for side in ("Left", "Right"):
            arkit[AT[f"eyeBlink{side}"]] = closed
            arkit[AT[f"eyeWide{side}"]] *= 1 - closed
            arkit[AT[f"eyeSquint{side}"]] *= 1 - closed
            arkit[AT[f"browDown{side}"]] += 0.04 * closed


def look(arkit: Vector, gaze: Vector) -> None:
    """Write eyes turned by `gaze` (relative to the head) into the eyeLook coefficients.

    They say the same as the gaze, for faces that know only ARKit; lids are part of those shapes.
    """
    pitch, yaw = float(gaze[0]) / _EYE_RANGE, float(gaze[1]) / _EYE_RANGE
    down, up = max(pitch, 0.0), max(-pitch, 0.0)
    left, right = max(yaw, 0.0), max(-yaw, 0.0)
    for side, outward, inward in (("Left", left, right), ("Right", right, left)):
        arkit[AT[f"eyeLookDown{side}"]] = down
        arkit[AT[f"eyeLookUp{side}"]] = up
        arkit[AT[f"eyeLookOut{side}"]] = outward
        arkit[AT[f"eyeLookIn{side}"]] = inward
