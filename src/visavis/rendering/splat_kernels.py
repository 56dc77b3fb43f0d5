# mypy: disable-error-code="untyped-decorator"
"""The inner loops of the splat painter: compiled, single-threaded, without the GIL.

Gaussians are projected as in EWA splatting (Zwicker et al. 2001; Kerbl et al. 2023) and blended
front to back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": True, "error_model": "numpy"}

#: Variance that every Gaussian gets in the picture, pixels squared: nothing is thinner than a
#: pixel.
LOW_PASS = 0.3
#: Alpha below which a Gaussian draws nothing, and transparency below which nothing more is drawn.
FAINT, OPAQUE = 1 / 255, 0.004
#: Columns of a block.
BLOCK = 16
#: The table of the exponential: entries per unit, and its end.
EXP_STEPS, EXP_END = 256, 12


def exp_table() -> NDArray[np.float32]:
    """``exp(-x)`` for ``x`` in steps of ``1 / EXP_STEPS``."""
    return np.exp(-np.arange(EXP_STEPS * EXP_END + 2) / EXP_STEPS).astype(np.float32)


@njit(**_OPTIONS)
def project_splats(
    v: NDArray[np.float32],
    cov: NDArray[np.float32],
    follow: NDArray[np.float32],
    rotation: NDArray[np.float32],
    pivot: NDArray[np.float32],
    shift: NDArray[np.float32],
    centre: NDArray[np.float32],
    px: float,
    py: float,
    scale: float,
    distance: float,
    out: NDArray[np.float32],
) -> None:
    """Head motion and projection: ``out`` gets x, y, depth and the 2D covariance xx, xy, yy.

    Depth grows away from the viewer.
    """
    m = np.empty((3, 3), np.float32)
    q = np.empty((2, 3), np.float32)
    for i in range(v.shape[0]):
        f = follow[i]
        for r in range(3):
            for c in range(3):
                m[r, c] = f * rotation[r, c] + (1.0 - f if r == c else 0.0)
        x = v[i, 0] - pivot[0]
        y = v[i, 1] - pivot[1]
        z = v[i, 2] - pivot[2]
        wx = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + pivot[0] + f * shift[0] - centre[0]
        wy = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + pivot[1] + f * shift[1] - centre[1]
        wz = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + pivot[2] + f * shift[2] - centre[2]
        depth = distance - wz
        if depth < 0.05 * distance:
            out[i, 2] = -1.0
            continue
        k = scale * distance / depth
        out[i, 0] = px + k * wx
        out[i, 1] = py - k * wy
        out[i, 2] = depth
        # the projection's Jacobian times the rotation; y points down in the picture
        for c in range(3):
            q[0, c] = k * (m[0, c] + wx / depth * m[2, c])
            q[1, c] = -k * (m[1, c] + wy / depth * m[2, c])
        for n in range(3):
            r, s = (0, 0) if n == 0 else ((0, 1) if n == 1 else (1, 1))
            out[i, 3 + n] = (
                q[r, 0] * q[s, 0] * cov[i, 0]
                + (q[r, 0] * q[s, 1] + q[r, 1] * q[s, 0]) * cov[i, 1]
                + (q[r, 0] * q[s, 2] + q[r, 2] * q[s, 0]) * cov[i, 2]
                + q[r, 1] * q[s, 1] * cov[i, 3]
                + (q[r, 1] * q[s, 2] + q[r, 2] * q[s, 1]) * cov[i, 4]
                + q[r, 2] * q[s, 2] * cov[i, 5]
            )
        out[i, 3] += LOW_PASS
        out[i, 5] += LOW_PASS


@njit(**_OPTIONS)
def reach_of_splats(
    p: NDArray[np.float32], opacity: NDArray[np.float32], width: int, height: int
) -> tuple[int, int, int, int]:
    """First and last column (exclusive), first and last row that splats reach."""
    x0, x1, y0, y1 = width, -1, height, -1
    for i in range(p.shape[0]):
        if p[i, 2] < 0:
            continue
        reach = 2.0 * np.log(max(opacity[i] / FAINT, 1.0))
        dx, dy = np.sqrt(reach * p[i, 3]), np.sqrt(reach * p[i, 5])
        x0 = min(x0, max(0, int(np.floor(p[i, 0] - dx))))
        x1 = max(x1, min(width - 1, int(np.ceil(p[i, 0] + dx))))
        y0 = min(y0, max(0, int(np.floor(p[i, 1] - dy))))
        y1 = max(y1, min(height - 1, int(np.ceil(p[i, 1] + dy))))
    if x1 < x0 or y1 < y0:
        return 0, 0, 0, 0
    return x0, x1 + 1, y0, y1 + 1


@njit(**_OPTIONS)
def clear(
    canvas: NDArray[np.float32], full: NDArray[np.int32], box: tuple[int, int, int, int]
) -> None:
    """Nothing drawn inside ``box``, as :func:`reach_of_splats` has it."""
    for y in range(box[2], box[3]):
        for x in range(box[0], box[1]):
            canvas[y, x, 0] = 0.0
            canvas[y, x, 1] = 0.0
            canvas[y, x, 2] = 0.0
            canvas[y, x, 3] = 1.0
        full[y] = 0


@njit(**_OPTIONS)
def blend_splats(
    p: NDArray[np.float32],
    colour: NDArray[np.float32],
    opacity: NDArray[np.float32],
    order: NDArray[np.int64],
    table: NDArray[np.float32],
    canvas: NDArray[np.float32],
    full: NDArray[np.int32],
) -> None:
    """Blend front to back into ``canvas`` ``(h, w, 4)``: colour so far and transparency left.

    ``full`` counts the opaque pixels of every block of :data:`BLOCK` columns of a row,
    ``(h, w / BLOCK)``: what lies behind a full block is not looked at.
    """
    height, width = canvas.shape[:2]
    faint, opaque = np.float32(FAINT), np.float32(OPAQUE)
    steps = np.float32(EXP_STEPS)
    most, zero = np.float32(0.99), np.float32(0.0)
    for n in range(order.shape[0]):
        i = order[n]
        alpha = opacity[i]
        if alpha < faint or p[i, 2] < 0:
            continue
        a, b, c = p[i, 3], p[i, 4], p[i, 5]
        det = a * c - b * b
        if det <= 1e-9:
            continue
        # the ellipse outside of which alpha is faint
        reach = min(np.float32(2.0) * np.log(alpha / faint), np.float32(2.0 * EXP_END))
        ia, ib, ic = c / det, -b / det, a / det
        x, y = p[i, 0], p[i, 1]
        half = np.sqrt(reach * c)
        y0 = max(0, int(np.ceil(y - half)))
        y1 = min(height - 1, int(np.floor(y + half)))
        r, g, bl = colour[i, 0], colour[i, 1], colour[i, 2]
        for row in range(y0, y1 + 1):
            dy = np.float32(row) - y
            # ia dx² + 2 ib dx dy + ic dy² <= reach
            middle = -ib * dy / ia
            rest = (reach - ic * dy * dy) / ia + middle * middle
            if rest <= 0:
                continue
            span = np.sqrt(rest)
            x0 = max(0, int(np.ceil(x + middle - span)))
            x1 = min(width - 1, int(np.floor(x + middle + span)))
            for block in range(x0 // BLOCK, x1 // BLOCK + 1):
                if full[row, block] == BLOCK:
                    continue
                for col in range(max(x0, block * BLOCK), min(x1, block * BLOCK + BLOCK - 1) + 1):
                    left = canvas[row, col, 3]
                    if left < opaque:
                        continue
                    dx = np.float32(col) - x - middle
                    # around the row's middle: the rest of the form is constant along the row
                    power = np.float32(0.5) * (reach + ia * (dx * dx - rest))
                    w = alpha * table[int(max(power, zero) * steps)]
                    w = min(w, most) * left
                    canvas[row, col, 0] += w * r
                    canvas[row, col, 1] += w * g
                    canvas[row, col, 2] += w * bl
                    left -= w
                    canvas[row, col, 3] = left
                    if left < opaque:
                        full[row, block] += 1


@njit(**_OPTIONS)
def resolve(
    canvas: NDArray[np.float32],
    backdrop: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    out: NDArray[np.uint8],
) -> None:
    """The canvas over the backdrop inside ``box``, as :func:`reach_of_splats` has it."""
    for y in range(box[2], box[3]):
        for x in range(box[0], box[1]):
            t = canvas[y, x, 3]
            if t == 1.0:
                for k in range(3):
                    out[y, x, k] = backdrop[y, x, k]
                continue
            for k in range(3):
                value = canvas[y, x, k] * 255.0 + t * backdrop[y, x, k] + 0.5
                out[y, x, k] = np.uint8(min(max(value, 0.0), 255.0))
