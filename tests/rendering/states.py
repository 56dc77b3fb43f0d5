"""States for tests."""

from __future__ import annotations

import numpy as np

from visavis.animation.face_state import ARKIT_INDEX, FaceState


def face(
    t: float = 0.0, *, pitch: float = 0, yaw: float = 0, roll: float = 0, **weights: float
) -> FaceState:
    """A state from coefficients; a name without its side means both. Angles in degrees."""
    s = FaceState(t)
    for name, value in weights.items():
        names = [name] if name in ARKIT_INDEX else [f"{name}Left", f"{name}Right"]
        for n in names:
            s.arkit[ARKIT_INDEX[n]] = value
    s.head[:3] = np.radians([pitch, yaw, roll])
    return s
