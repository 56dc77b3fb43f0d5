"""FaceState: what the face does at one instant. Everything that draws a face is driven by it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

#: The 52 ARKit blendshapes in the order Apple publishes them
#: (ARFaceAnchor.BlendShapeLocation, grouped: left eye, right eye, jaw, mouth, brows, cheeks,
#: nose, tongue).
ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawRight",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthLeft",
    "mouthRight",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)

#: Name to position in :attr:`FaceState.arkit`.
ARKIT_INDEX: dict[str, int] = {name: i for i, name in enumerate(ARKIT_NAMES)}

#: States per second that animation produces.
STATE_RATE = 60


def _zeros(n: int) -> NDArray[np.float32]:
    return np.zeros(n, np.float32)


@dataclass(slots=True)
class FaceState:
    """What the face does at one instant.

    Attributes:
        t: Seconds on the audio clock.
        arkit: float32, shape ``(52,)``, each in 0..1, ordered as :data:`ARKIT_NAMES`.
        head: float32, shape ``(6,)``: pitch, yaw, roll in radians (pitch positive looks down, yaw
            positive turns to the face's own left, roll positive tilts to its own left), then
            x, y, z translation in inter-ocular distances (x to the face's left, y up, z forward).
        gaze: float32, shape ``(2,)``: pitch, yaw of the eyes relative to the head in radians,
            signs as for the head.
        emotion: Label, for information.
        emotion_intensity: 0..1, for information.
    """

    t: float
    arkit: NDArray[np.float32] = field(default_factory=lambda: _zeros(52))
    head: NDArray[np.float32] = field(default_factory=lambda: _zeros(6))
    gaze: NDArray[np.float32] = field(default_factory=lambda: _zeros(2))
    emotion: str = "neutral"
    emotion_intensity: float = 0.0

    def __getitem__(self, name: str) -> float:
        """The coefficient of the named ARKit blendshape."""
        return float(self.arkit[ARKIT_INDEX[name]])
