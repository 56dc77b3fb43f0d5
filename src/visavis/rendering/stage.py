"""What painters of three-dimensional heads share: the camera, the pose, the backdrop.

The conventions are those of :class:`visavis.rendering.painter.PortraitPainter`, so that a persona
looks and behaves alike whatever its replica is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import ARKIT_INDEX, FaceState

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

#: Distance of the pupils and height of the eyes in a frame, in frame heights.
PUPILS, EYES = 0.172, 0.45
#: How far the camera is from the eyes, in pupil distances (about 0.9 m).
DISTANCE = 14.0
#: Eyes turn no further than this in the head, and a coefficient of 1 means this much, radians.
MAX_GAZE, GAZE_REACH = float(np.radians(25)), float(np.radians(28))
#: Heads turn no further than this, radians.
MAX_TURN = float(np.radians(30))


@dataclass(frozen=True, slots=True)
class Camera:
    """A perspective view of a head.

    Attributes:
        centre: What lies at ``(px, py)``, ``(3,)`` in the model's unit.
        px: Column there.
        py: Row there.
        scale: Pixels per model unit at that depth.
        distance: From there to the camera, model units.
    """

    centre: Floats
    px: float
    py: float
    scale: float
    distance: float


def head_camera(pupils: NDArray[np.floating], size: tuple[int, int]) -> Camera:
    """Head and shoulders as a portrait replica shows them.

    Args:
        pupils: ``(2, 3)``.
        size: Width and height of the picture.
    """
    width, height = size
    unit = float(np.linalg.norm(pupils[1] - pupils[0]))
    tall = max(height, width * 9 / 16)
    centre = np.asarray(pupils.mean(0), np.float32)
    py = EYES * tall - (tall - height) * 0.4 - 0.5
    return Camera(centre, (width - 1) / 2, py, PUPILS * tall / unit, DISTANCE * unit)


def check_size(size: tuple[int, int]) -> None:
    """Raise ValueError for pictures smaller than 64 x 64."""
    if size[0] < 64 or size[1] < 64:
        raise ValueError(f"size must be at least 64 x 64, got {size[0]} x {size[1]}")


def rotation(pitch: float, yaw: float, roll: float) -> Floats:
    """``(3, 3)`` rotation of a head, signs as in ``FaceState.head``."""
    cx, sx, cy, sy = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw)
    cz, sz = np.cos(-roll), np.sin(-roll)
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.ascontiguousarray(rz @ rx @ ry, np.float32)


def head_pose(state: FaceState, unit: float) -> tuple[Floats, Floats]:
    """Rotation ``(3, 3)`` and shift ``(3,)`` (model units) of the head."""
    pitch, yaw, roll = np.clip(np.nan_to_num(state.head[:3]), -MAX_TURN, MAX_TURN).tolist()
    shift = np.clip(np.nan_to_num(state.head[3:6]), -3, 3) * unit
    return rotation(pitch, yaw, roll), np.ascontiguousarray(shift, np.float32)


def gaze(state: FaceState) -> tuple[float, float]:
    """Pitch and yaw of the eyes: ``gaze``, or the eyeLook coefficients if it is not set."""
    if np.any(state.gaze):
        pitch, yaw = (float(g) for g in np.nan_to_num(state.gaze))
    else:
        s = state
        down = s["eyeLookDownLeft"] + s["eyeLookDownRight"]
        up = s["eyeLookUpLeft"] + s["eyeLookUpRight"]
        left = s["eyeLookOutLeft"] + s["eyeLookInRight"]
        right = s["eyeLookInLeft"] + s["eyeLookOutRight"]
        pitch, yaw = GAZE_REACH * (down - up) / 2, GAZE_REACH * (left - right) / 2
    return min(max(pitch, -MAX_GAZE), MAX_GAZE), min(max(yaw, -MAX_GAZE), MAX_GAZE)


def coefficients(state: FaceState) -> Floats:
    """The 52 coefficients in range, with the eyeLook ones saying what the gaze is.

    Raises:
        ValueError: ``arkit`` is not of shape ``(52,)``.
    """
    a = np.clip(np.nan_to_num(np.asarray(state.arkit, np.float32)), 0, 1)
    if a.shape != (52,):
        raise ValueError(f"FaceState.arkit must have shape (52,), got {a.shape}")
    pitch, yaw = gaze(state)
    down, left = pitch / GAZE_REACH, yaw / GAZE_REACH
    for name, amount in (
        ("eyeLookDownLeft", down), ("eyeLookDownRight", down),
        ("eyeLookUpLeft", -down), ("eyeLookUpRight", -down),
        ("eyeLookOutLeft", left), ("eyeLookInRight", left),
        ("eyeLookInLeft", -left), ("eyeLookOutRight", -left),
    ):  # fmt: skip
        a[ARKIT_INDEX[name]] = max(amount, 0.0)
    return a


def backdrop(size: tuple[int, int]) -> Image:
    """A calm studio wall: lighter behind the head, uint8 RGB ``(height, width, 3)``."""
    width, height = size
    x = (np.arange(width) / width - 0.5) * width / height
    y = np.arange(height) / height - 0.42
    glow = np.exp(-(x[None] ** 2 + 1.3 * y[:, None] ** 2) / 0.55)[..., None]
    colour = np.array([58, 64, 72]) * (1 - glow) + np.array([128, 135, 142]) * glow
    # fine noise, or the slow gradient shows steps
    grain = np.random.default_rng(0).normal(0, 0.8, (height, width, 1))
    return np.asarray(cv2.GaussianBlur(np.clip(colour + grain, 0, 255).astype(np.uint8), (3, 3), 0))
