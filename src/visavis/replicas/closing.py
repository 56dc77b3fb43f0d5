"""Closing the lips of a smile, so that a portrait with teeth can be driven too.

Upper and lower lip are moved together along the mouth's own vertical until their inner edges meet;
the skin up to the nose and down to the chin is stretched to follow. What lay between, teeth and
shadow, is covered. The smile stays: corners and cheeks are not touched.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.replicas import topology as topo

Image = NDArray[np.uint8]
Array = NDArray[np.float64]

#: Widest gap between the inner lips, over the mouth's width, that can be closed.
CLOSABLE = 0.22
#: Share of the gap by which the upper lip comes down; the lower one does the rest.
UPPER_SHARE = 0.32
#: How far beyond the landmarks a lip begins, in widths of the mouth: no rim of tooth stays.
RIM = 0.012
#: Where the lips meet it is darker: by this much, over this share of the mouth's width.
SEAM, SEAM_WIDTH = 0.38, 0.011


def _smooth(t: NDArray[np.floating]) -> Array:
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float64)


def close_mouth(image: Image, points: NDArray[np.floating]) -> Image:
    """The picture with its lips closed.

    Args:
        image: uint8 RGB ``(h, w, 3)``.
        points: ``(478, 2 or 3)`` landmarks, pixels; the lips' inner edges must be apart.

    Returns:
        A new picture; only the surroundings of the mouth differ. Its landmarks must be looked for
        again.
    """
    p = np.asarray(points[:, :2], np.float64)
    right, left = p[topo.RIGHT_MOUTH_CORNER], p[topo.LEFT_MOUTH_CORNER]
    width = float(np.linalg.norm(left - right))
    across = (left - right) / width
    down = np.array([-across[1], across[0]])
    origin = (right + left) / 2

    def local(ids: tuple[int, ...]) -> Array:
        """Along and across the mouth, in its widths."""
        d = p[list(ids)] - origin
        return np.stack([d @ across, d @ down], 1) / width

    upper, lower = local(topo.UPPER_INNER), local(topo.LOWER_INNER)
    outer_upper, outer_lower = local(topo.UPPER_LIP_ROWS[0]), local(topo.LOWER_LIP_ROWS[0])
    nose, chin = local((2,))[0, 1], local((topo.CHIN,))[0, 1]

    # every pixel around the mouth in that frame
    corners = origin + width * np.array(
        [u * across + v * down for u in (-0.75, 0.75) for v in (nose - 0.05, chin + 0.05)]
    )
    h, w = image.shape[:2]
    x0, y0 = (int(v) for v in np.clip(np.floor(corners.min(0)), 0, [w - 2, h - 2]))
    x1, y1 = (int(v) for v in np.clip(np.ceil(corners.max(0)) + 1, [x0 + 1, y0 + 1], [w, h]))
    xx, yy = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
    u = ((xx - origin[0]) * across[0] + (yy - origin[1]) * across[1]) / width
    v = ((xx - origin[0]) * down[0] + (yy - origin[1]) * down[1]) / width

    def along(line: Array) -> Array:
        """A polyline's height over every pixel's place along the mouth."""
        fine = np.linspace(-0.8, 0.8, 641)
        at = np.interp(fine, line[:, 0], line[:, 1])
        kernel = np.exp(-0.5 * (np.arange(-24, 25) / 8) ** 2)
        at = np.convolve(np.pad(at, 24, mode="edge"), kernel / kernel.sum(), "valid")
        return np.asarray(np.interp(u, fine, at))

    a, b = along(upper), along(lower)
    gap = np.maximum(b - a, 0)
    rim = RIM * np.clip(gap / 0.05, 0, 1)
    a, b = a - rim, b + rim
    seam = a + UPPER_SHARE * (b - a)
    # lips move whole, the skin beyond them ever less
    thick_upper = np.maximum(a - along(outer_upper), 0.01)
    thick_lower = np.maximum(along(outer_lower) - b, 0.01)
    above, below = seam - v, v - seam
    fade_up = 1 - _smooth((above - thick_upper) / np.maximum(seam - thick_upper - nose, 0.05))
    fade_down = 1 - _smooth((below - thick_lower) / np.maximum(chin - seam - thick_lower, 0.05))
    shift = np.where(above > 0, (a - seam) * fade_up, (b - seam) * fade_down)
    source_x = (xx + shift * width * down[0] - x0).astype(np.float32)
    source_y = (yy + shift * width * down[1] - y0).astype(np.float32)
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    moved = cv2.remap(part, source_x, source_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    dark = SEAM * np.exp(-0.5 * ((v - seam) / SEAM_WIDTH) ** 2) * np.clip(gap / 0.03, 0, 1)
    out = image.copy()
    out[y0:y1, x0:x1] = np.clip(moved * (1 - dark[..., None]) + 0.5, 0, 255).astype(np.uint8)
    return out
