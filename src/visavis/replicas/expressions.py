"""The 52 ARKit expressions as displacements of a portrait's mesh.

The basis (``data/arkit_basis.npz``) holds the motion of 468 face points in a neutral, symmetric
head. It is scaled to the portrait and then corrected where a picture shows more than the basis
knows: the opening mouth gets a rounded outline and keeps the thickness of its lips, ``mouthClose``
undoes exactly the gap that ``jawOpen`` makes, and the lids slide over the eye with their lashes.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import ARKIT_INDEX, ARKIT_NAMES
from visavis.replicas import topology as topo
from visavis.replicas.control import RING_SHARE, ControlMesh

Array = NDArray[np.float64]

#: How much stronger than in the basis an expression is at coefficient 1, so that it reaches what
#: Apple's reference shapes show.
GAIN = {
    "mouthPucker": 1.2,
    "mouthLowerDownLeft": 1.3,
    "mouthLowerDownRight": 1.3,
    "mouthUpperUpLeft": 1.4,
    "mouthUpperUpRight": 1.4,
    "jawOpen": 0.78,
}


#: Part of a blink that the upper lid makes; a lid goes with the iris it rests on.
LID_SHARE = {"eyeBlink": 1.0, "eyeLookDown": 0.42, "eyeLookUp": -0.16}


@cache
def _basis() -> dict[str, NDArray[np.generic]]:
    source = resources.files("visavis.replicas") / "data" / "arkit_basis.npz"
    with resources.as_file(source) as path, np.load(path) as z:
        data = {k: z[k] for k in z.files}
    if tuple(str(n) for n in data["names"]) != ARKIT_NAMES:
        raise RuntimeError("arkit_basis.npz does not hold the 52 ARKit names in order")
    return data


def face_triangles() -> NDArray[np.int64]:
    """The 852 triangles of the 468-point face, shape ``(852, 3)``."""
    return np.asarray(_basis()["triangles"], np.int64)


def basis_rest() -> Array:
    """The neutral, symmetric head of the basis: ``(468, 3)``, y up, x to the face's left."""
    return np.asarray(_basis()["rest"], float)


def basis_mirror() -> NDArray[np.intp]:
    """For each of the 468 points the one on the other side."""
    return np.asarray(_basis()["mirror"], np.intp)


def _scaled_basis(points: Array) -> Array:
    """The basis at the size and in-plane tilt of this face: ``(52, 468, 3)`` in pixels."""
    rest = np.asarray(_basis()["rest"], float)
    deltas = np.asarray(_basis()["deltas"], float)
    right, left = points[topo.RIGHT_EYE_OUTER, :2], points[topo.LEFT_EYE_OUTER, :2]
    sx = float(np.linalg.norm(left - right)) / float(
        rest[topo.LEFT_EYE_OUTER, 0] - rest[topo.RIGHT_EYE_OUTER, 0]
    )
    sy = float(np.linalg.norm(points[topo.CHIN, :2] - points[topo.NOSE_BRIDGE, :2])) / float(
        rest[topo.NOSE_BRIDGE, 1] - rest[topo.CHIN, 1]
    )
    out = deltas * (sx, -sy, -(sx + sy) / 2)
    tilt = np.arctan2(left[1] - right[1], left[0] - right[0])
    c, s = np.cos(tilt), np.sin(tilt)
    out[..., :2] = out[..., :2] @ np.array([[c, s], [-s, c]])
    return np.asarray(out)


#: Share of the mouth's width that an expression takes away.
NARROWING = {"mouthPucker": 0.36, "mouthFunnel": 0.24, "jawOpen": 0.11}


def _smooth_rows(d: Array) -> None:
    """Even out the displacements along each lip row, corners kept."""
    for row in (*topo.UPPER_LIP_ROWS, *topo.LOWER_LIP_ROWS):
        r = list(row)
        for _ in range(3):
            d[:, r[1:-1]] = 0.25 * d[:, r[:-2]] + 0.5 * d[:, r[1:-1]] + 0.25 * d[:, r[2:]]


def _across(points: Array, row: tuple[int, ...]) -> Array:
    """Position along a lip row: -1 at the picture's left corner, 1 at the right one."""
    x = points[list(row), 0]
    return np.asarray((x - x[0]) / (x[-1] - x[0]) * 2 - 1)


def _lip_falloff(points: Array) -> Array:
    """1 on the lips, fading into cheeks and chin, ``(468,)``."""
    lips = sorted({v for r in (*topo.UPPER_LIP_ROWS, *topo.LOWER_LIP_ROWS) for v in r})
    width = float(np.ptp(points[[topo.RIGHT_MOUTH_CORNER, topo.LEFT_MOUTH_CORNER], 0]))
    gap = points[:, None, :2] - points[None, lips, :2]
    far = np.sqrt((gap**2).sum(-1).min(1))
    return np.asarray(np.exp(-((far / (0.33 * width)) ** 2)))


def _narrow(d: Array, points: Array) -> None:
    """Round lips draw the corners in, and their flesh has to go somewhere: the lips thicken."""
    middle = points[[topo.RIGHT_MOUTH_CORNER, topo.LEFT_MOUTH_CORNER]].mean(0)
    near = _lip_falloff(points)
    aside = points[:, 0] - middle[0]
    width = float(np.ptp(points[[topo.RIGHT_MOUTH_CORNER, topo.LEFT_MOUTH_CORNER], 0]))
    for name, share in NARROWING.items():
        k = ARKIT_INDEX[name]
        if name != "jawOpen":
            d[k, :, 0] *= 0.25  # the basis does this too, only less
            for rows, sign in ((topo.UPPER_LIP_ROWS, -1), (topo.LOWER_LIP_ROWS, 1)):
                for depth, row in enumerate(rows):
                    u = _across(points, row)
                    d[k, list(row), 1] += (
                        sign * 0.05 * width * (1 - u * u) * (1 - depth / 3) * share / 0.36
                    )
        d[k, :, 0] -= share * aside * near
        d[k, :, 2] -= share * 0.25 * width * near


def _round_jaw_open(d: Array, points: Array) -> None:
    """``jawOpen``: a lower lip that hangs in a smooth bow and keeps its thickness."""
    k = ARKIT_INDEX["jawOpen"]
    width = float(np.ptp(points[[topo.RIGHT_MOUTH_CORNER, topo.LEFT_MOUTH_CORNER], 0]))
    corners = {-1: d[k, topo.RIGHT_MOUTH_CORNER].copy(), 1: d[k, topo.LEFT_MOUTH_CORNER].copy()}
    for delta in corners.values():
        delta[0] = 0.0
        delta[1] *= 0.85
    middle = d[k, 14].copy()
    for rows, upper in ((topo.UPPER_LIP_ROWS, True), (topo.LOWER_LIP_ROWS, False)):
        for depth, row in enumerate(rows):
            for v, u in zip(row, _across(points, row), strict=True):
                corner = corners[-1 if u < 0 else 1]
                if upper:
                    lift = -0.02 * width * np.array([0, 1, 0]) * (1 - u * u)
                    d[k, v] = corner * abs(u) ** 3.2 + lift
                else:
                    bow = max(0.0, 1 - abs(u) ** 2.2) ** 0.85
                    d[k, v] = corner * (1 - bow) + middle * (1.0 - 0.03 * depth) * bow


def _exact_mouth_close(d: Array, points: Array) -> None:
    """``mouthClose``: takes back the gap ``jawOpen`` makes, three quarters of it from below."""
    jaw, close = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    width = float(np.ptp(points[[topo.RIGHT_MOUTH_CORNER, topo.LEFT_MOUTH_CORNER], 0]))
    d[close] = 0
    gap = d[jaw, list(topo.LOWER_INNER)] - d[jaw, list(topo.UPPER_INNER)]
    gap[:, 0] = 0
    lip = {v for row in (*topo.UPPER_LIP_ROWS, *topo.LOWER_LIP_ROWS) for v in row}
    for rows, share in ((topo.UPPER_LIP_ROWS, 0.2), (topo.LOWER_LIP_ROWS, -0.8)):
        for row in rows:
            for v, g in zip(row, gap, strict=True):
                d[close, v] = share * g
        edge = points[list(rows[0]), :2]
        for v in range(468):
            if v in lip:
                continue
            side = points[v, 1] - np.interp(points[v, 0], edge[:, 0], edge[:, 1])
            if (side > 0) != (share < 0):
                continue
            distance = np.linalg.norm(edge - points[v, :2], axis=1)
            j = int(np.argmin(distance))
            d[close, v] = share * gap[j] * np.exp(-((distance[j] / (0.26 * width)) ** 2))


def _blink(control: ControlMesh, points: Array, eye: dict[str, tuple[int, ...]]) -> Array:
    """The lid sliding down: displacement of the drawn mesh, ``(N, 3)`` pixels.

    The lash line travels to the lower lid; above it the lid's skin unrolls. On the drawn mesh a
    curve keeps the lashes rigid and puts the stretch where skin is smooth.
    """
    share = np.zeros(len(control.points))
    path = np.zeros((len(control.points), 3))
    known = np.zeros(len(control.points))
    lift = np.zeros((len(control.points), 3))
    for i in range(1, 8):
        travel = points[eye["lower"][i]] - points[eye["upper"][i]]
        travel[2] = 0
        for v, s in (
            (eye["upper"][i], 1.0),
            (eye["crease"][i - 1], 0.40),
            (eye["orbit"][i - 1], 0.06),
        ):
            share[v], path[v], known[v] = s, travel, 1
        lift[eye["lower"][i]] = -0.03 * travel
        lift[eye["under"][i - 1]] = -0.05 * travel
    s = control.refine @ share
    k = control.refine @ known
    direction = (control.refine @ path) / np.maximum(k, 1e-6)[:, None]
    curve = np.where(s > 0.40, np.interp(s, [0.40, 0.74, 1.0], [0.40, 0.97, 1.0]), s)
    down = direction * (curve * np.clip(k * 1.5, 0, 1) * 0.98)[:, None]
    return np.asarray(down + control.refine @ lift)


def expression_basis(control: ControlMesh) -> dict[str, Array]:
    """Displacements of the drawn mesh, ``(N, 3)`` pixels each, by ARKit name.

    Names whose motion the picture's skin does not take part in (``tongueOut``) are left out.
    """
    points = control.points[:468]
    d = _scaled_basis(points)
    for name, gain in GAIN.items():
        d[ARKIT_INDEX[name]] *= gain
    _smooth_rows(d)
    _round_jaw_open(d, points)
    _narrow(d, points)
    _exact_mouth_close(d, points)

    full = np.zeros((52, len(control.points), 3))
    full[:, :468] = d
    for ring, share in enumerate(RING_SHARE):
        full[:, 468 + 36 * ring : 468 + 36 * (ring + 1)] = d[:, list(topo.FACE_OVAL)] * share

    out: dict[str, Array] = {}
    blink = {
        "Right": _blink(control, points, topo.RIGHT_EYE),
        "Left": _blink(control, points, topo.LEFT_EYE),
    }
    for name in ARKIT_NAMES:
        side = name.removeprefix("eyeBlink").removeprefix("eyeLookDown").removeprefix("eyeLookUp")
        if side in blink:
            lids = np.asarray(control.refine @ full[ARKIT_INDEX[name]])
            out[name] = LID_SHARE[name[: -len(side)]] * blink[side] + (
                0.0 if name.startswith("eyeBlink") else 0.5 * lids
            )
        elif np.abs(full[ARKIT_INDEX[name]]).max() > 0.05:
            out[name] = np.asarray(control.refine @ full[ARKIT_INDEX[name]])
    return out
