"""The control mesh of a portrait: 468 face points, rings around them out to the picture's edge."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity

from visavis.replicas import topology as topo
from visavis.replicas.subdivision import loop_subdivide

Array = NDArray[np.float64]

#: Size of each ring relative to the face oval, and how much of the oval's motion it takes.
RING_SCALE = (1.09, 1.22, 1.42, 1.75, 2.3, 3.3, 6.0)
RING_SHARE = (0.80, 0.52, 0.22, 0.05, 0.0, 0.0, 0.0)
#: How far behind the face oval each ring lies, in face heights.
RING_DEPTH = (0.06, 0.12, 0.17, 0.2, 0.22, 0.24, 0.24)


@dataclass(slots=True)
class ControlMesh:
    """Control vertices in pixels, and the refinement that makes the drawn mesh of them.

    Attributes:
        points: ``(n, 3)`` pixels, depth growing away from the viewer.
        triangles: ``(k, 3)``, without the openings between the lips and between the lids.
        refine: Sparse ``(N, n)``: drawn = refine @ control.
        fine: ``(16 k, 3)`` triangles of the drawn mesh.
        coarse: ``(4 k, 3)`` triangles over the same vertices.
        is_face: ``(16 k,)`` bool, whether a fine triangle belongs to the 468 points.
        rows: As in :class:`visavis.replicas.rig.Rig`.
        face_height: Forehead point to chin, pixels.
    """

    points: Array
    triangles: NDArray[np.int64]
    refine: csr_matrix
    fine: NDArray[np.int32]
    coarse: NDArray[np.int32]
    is_face: NDArray[np.bool_]
    rows: dict[str, NDArray[np.int32]]
    face_height: float


def close_lips(image: NDArray[np.uint8], points: Array) -> Array:
    """Put the inner edges of both lips on the dark seam between them, and respace the rows.

    The landmark model is a pixel or two off on a closed mouth; on the seam the two lips share an
    edge exactly, and part without tearing either of them.
    """
    p = points.copy()
    width = float(np.linalg.norm(p[topo.LEFT_MOUTH_CORNER, :2] - p[topo.RIGHT_MOUTH_CORNER, :2]))
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), width / 160)
    reach = max(2, round(width * 0.045))
    middle = (p[list(topo.UPPER_INNER)] + p[list(topo.LOWER_INNER)]) / 2
    offset = np.zeros(len(middle))
    for i, m in enumerate(middle):
        ys = np.arange(round(m[1]) - reach, round(m[1]) + reach + 1)
        x = round(m[0])
        column = gray[ys, max(0, x - 2) : x + 3].mean(1) + 0.25 * np.abs(ys - m[1]) * (160 / width)
        offset[i] = ys[int(np.argmin(column))] - m[1]
    for _ in range(2):
        padded = np.pad(offset, 1, mode="edge")
        offset = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    offset = np.convolve(np.pad(offset, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    middle[:, 1] += offset
    for rows in (topo.UPPER_LIP_ROWS, topo.LOWER_LIP_ROWS):
        p[list(rows[3])] = middle
        outer = p[list(rows[0])]
        for row, share in ((rows[1], 0.38), (rows[2], 0.73)):
            p[list(row), :2] = outer[:, :2] * (1 - share) + middle[:, :2] * share
    return p


def fit_lids(image: NDArray[np.uint8], points: Array, irises: Array) -> Array:
    """Put the edges of the lids where the picture has them.

    The lower lid is found under the iris, where dark turns to skin; the upper one beside the iris,
    where lashes turn to white. Between and beyond, the correction is interpolated, to nothing in
    the corners of the eye.

    Args:
        image: uint8 RGB.
        points: ``(468, 3)`` pixels.
        irises: ``(2, 3)`` centre x, y and radius of the person's right and left iris.
    """
    p = points.copy()
    for eye, (cx, _, radius) in zip((topo.RIGHT_EYE, topo.LEFT_EYE), irises, strict=True):
        gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), radius / 14)
        reach = np.arange(-0.35 * radius, 0.40 * radius, 0.25)
        for row, is_lower in ((eye["lower"], True), (eye["upper"], False)):
            edge = p[list(row)]
            order = np.argsort(edge[:, 0])
            xs = np.linspace(edge[order[0], 0], edge[order[-1], 0], 41)[4:-4]
            ys = np.interp(xs, edge[order, 0], edge[order, 1])
            sample_x = np.repeat(xs[:, None], len(reach), 1).astype(np.float32)
            sample_y = (ys[:, None] + reach[None]).astype(np.float32)
            column = cv2.remap(gray, sample_x, sample_y, cv2.INTER_LINEAR).astype(float)
            slope = np.gradient(column, axis=1) * np.exp(-((reach / (0.3 * radius)) ** 2))
            beside = np.abs(xs - cx) / radius
            use = beside < 0.75 if is_lower else (beside > 1.15) & (beside < 1.9)
            use &= slope.max(1) > 0.6
            if use.sum() < 4:
                continue
            offset = reach[slope.argmax(1)]
            ends = (edge[order[0], 0], edge[order[-1], 0])
            side = [(use & (xs < cx)), (use & (xs >= cx))]
            known_x, known = [ends[0]], [0.0]
            for part in [use] if is_lower else side:
                if part.sum() >= 3:
                    known_x.append(float(np.median(xs[part])))
                    known.append(float(np.median(offset[part])))
            known_x.append(ends[1])
            known.append(0.0)
            move = np.interp(edge[:, 0], known_x, known)
            t = (edge[:, 0] - ends[0]) / (ends[1] - ends[0])
            p[list(row), 1] += move * np.clip(6 * np.minimum(t, 1 - t), 0, 1)
    return p


def build_control_mesh(
    image: NDArray[np.uint8],
    points: Array,
    irises: Array,
    face_triangles: NDArray[np.integer],
) -> ControlMesh:
    """Control mesh over a closed-mouth portrait.

    Args:
        image: uint8 RGB.
        points: ``(468, 3)`` pixels.
        irises: As for :func:`fit_lids`.
        face_triangles: ``(852, 3)`` over the 468 points.
    """
    p = fit_lids(image, close_lips(image, points), irises)
    height = float(np.linalg.norm(p[topo.FOREHEAD_TOP, :2] - p[topo.CHIN, :2]))
    oval = p[list(topo.FACE_OVAL)]
    centre = np.array(
        [(p[234, 0] + p[454, 0]) / 2, 0.45 * p[topo.FOREHEAD_TOP, 1] + 0.55 * p[topo.CHIN, 1]]
    )
    # The oval's depth runs from the chin's forward to the ears' back; the rings all lie at the
    # depth of the head's outline.
    back = float(np.percentile(oval[:, 2], 80))
    rings, triangles = [p], [tuple(t) for t in face_triangles.tolist()]
    inner = list(topo.FACE_OVAL)
    for k, (scale, depth) in enumerate(zip(RING_SCALE, RING_DEPTH, strict=True)):
        blend = min(1.0, depth / 0.2)
        z = oval[:, 2] * (1 - blend) + back * blend + depth * height
        rings.append(np.c_[centre + (oval[:, :2] - centre) * scale, z])
        ids = list(range(468 + 36 * k, 468 + 36 * (k + 1)))
        for i in range(36):
            j = (i + 1) % 36
            # clockwise in the picture is clockwise seen from the front; keep the faces' winding
            triangles += [(inner[i], inner[j], ids[i]), (inner[j], ids[j], ids[i])]
        inner = ids
    control = np.vstack(rings)
    tri = np.array(triangles)

    rows = {
        "lip_upper": topo.UPPER_INNER,
        "lip_lower": topo.LOWER_INNER,
        "eye_right_upper": topo.RIGHT_EYE["upper"],
        "eye_right_lower": topo.RIGHT_EYE["lower"],
        "eye_left_upper": topo.LEFT_EYE["upper"],
        "eye_left_lower": topo.LEFT_EYE["lower"],
    }
    refine = identity(len(control), format="csr")
    levels = [tri]
    n = len(control)
    for _ in range(2):
        step = loop_subdivide(levels[-1], n)
        rows = {name: step.refine_row(row) for name, row in rows.items()}
        refine = step.matrix @ refine
        levels.append(step.triangles)
        n = refine.shape[0]
    is_face = np.repeat(np.arange(len(tri)) < len(face_triangles), 16)
    return ControlMesh(
        points=control,
        triangles=tri,
        refine=refine.tocsr(),
        fine=levels[2].astype(np.int32),
        coarse=levels[1].astype(np.int32),
        is_face=is_face,
        rows={k: np.array(v, np.int32) for k, v in rows.items()},
        face_height=height,
    )
