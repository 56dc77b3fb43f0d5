"""Simple geometry of a face, from its landmarks. All lengths are in inter-ocular distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.faces import topology
from visavis.faces.runtime import Float

Points = NDArray[np.floating]

#: Pitch of the forehead-to-chin line of people who look into the camera: median over 500 official
#: portraits, radians.
_NEUTRAL_PITCH = 0.106


def _check(points: Points) -> Points:
    if points.ndim != 2 or points.shape[0] < topology.MESH_POINTS or points.shape[1] < 2:
        raise ValueError(f"expected landmarks of shape (478, 2 or 3), got {points.shape}")
    return points


def _distance(points: Points, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a] - points[b]))


def inter_ocular(points: Points) -> float:
    """Distance between the centres of the two eyes (mean of their corners), in pixels."""
    p = _check(points)
    right = (p[33] + p[133]) / 2
    left = (p[263] + p[362]) / 2
    return float(np.linalg.norm(left - right))


def mouth_opening(points: Points) -> float:
    """Gap between the inner lips, mean over three places, in inter-ocular distances; 0 closed."""
    p = _check(points)
    gaps = [_distance(p, a, b) for a, b in ((82, 87), (13, 14), (312, 317))]
    return float(np.mean(gaps)) / inter_ocular(p)


def mouth_width(points: Points) -> float:
    """Distance between the lip corners, in inter-ocular distances."""
    p = _check(points)
    return _distance(p, 61, 291) / inter_ocular(p)


def eye_opening(points: Points) -> tuple[float, float]:
    """Gap between the lids over the eye's width, subject's (right, left); about 0.25 open."""
    p = _check(points)
    right = (_distance(p, 160, 144) + _distance(p, 159, 145) + _distance(p, 158, 153)) / 3
    left = (_distance(p, 387, 373) + _distance(p, 386, 374) + _distance(p, 385, 380)) / 3
    return right / _distance(p, 33, 133), left / _distance(p, 263, 362)


def head_pose(points: Points) -> Float:
    """Pitch, yaw, roll in radians, float32 ``(3,)``, signs as in ``FaceState.head``.

    Approximate: from the line between the outer eye corners and the line from forehead to chin.
    Yaw and roll are zero for a face that looks straight into the camera; pitch is counted from
    the median of such faces, and a person's own build moves it by a few degrees.

    Args:
        points: ``(478, 3)``; the depth is needed.
    """
    p = _check(points)
    if p.shape[1] != 3:
        raise ValueError("head_pose needs landmarks with depth, shape (478, 3)")
    across = p[263] - p[33]  # the subject's right to left
    down = p[152] - p[10]
    roll = np.arctan2(across[1], across[0])
    yaw = np.arctan2(across[2], np.hypot(across[0], across[1]))
    pitch = np.arctan2(down[2], np.hypot(down[0], down[1]))
    return np.array([pitch - _NEUTRAL_PITCH, yaw, roll], np.float32)
