"""The canonical frame: every face in one shape, so that textures can be added up.

Its shape is the population's mean, mirror-symmetric, upright. A texture is CIE L*a*b* float32
``(HEIGHT, WIDTH, 3)``; pictures of 1024 pixels show a face at about this resolution.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces import topology as topo

Array = NDArray[Any]

WIDTH, HEIGHT = 512, 640
#: Distance of the eyes' centres in the frame, pixels, and where their middle lies.
EYES_APART = 176.0
EYES_MIDDLE = (WIDTH / 2, 250.0)
#: Laplacian bands (Burt and Adelson 1983): 0 and 1 are fine, 2 and 3 middle, 4 and below coarse.
LEVELS = 4
#: All landmarks but the tops and bottoms of the irises, which lids hide.
WARPED = tuple(k for k in range(topo.POINTS) if k not in (470, 472, 475, 477))


def to_lab(rgb: NDArray[np.uint8] | Array) -> Array:
    """RGB 0..255 to CIE L*a*b* (float32; L 0..100)."""
    return cv2.cvtColor(np.clip(rgb, 0, 255).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def to_rgb(lab: Array) -> Array:
    """CIE L*a*b* to RGB, float32 0..255."""
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(rgb * 255, 0, 255), np.float32)


def size_of(level: int) -> tuple[int, int]:
    """Height and width of a band."""
    return HEIGHT >> level, WIDTH >> level


def pyramid(x: Array, levels: int = LEVELS) -> list[Array]:
    """Laplacian bands, finest first, and what is left."""
    bands = []
    for _ in range(levels):
        small = cv2.pyrDown(x)
        bands.append(x - cv2.pyrUp(small, dstsize=(x.shape[1], x.shape[0])))
        x = small
    return [*bands, x]


def collapse(bands: list[Array]) -> Array:
    """The picture of its bands."""
    x = bands[-1]
    for band in bands[-2::-1]:
        x = cv2.pyrUp(x, dstsize=(band.shape[1], band.shape[0])) + band
    return x


def blur(x: Array, sigma: float) -> Array:
    """Gaussian blur, sigma in pixels."""
    return cv2.GaussianBlur(x, (0, 0), sigma)


def grow(mask: Array, by: int) -> Array:
    """Dilate (positive) or erode (negative) by so many pixels; edges stay soft."""
    inside = (mask > 0.5).astype(np.uint8)
    away = cv2.distanceTransform(
        1 - inside if by > 0 else inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return np.asarray(np.clip((by + 0.5 - away) if by > 0 else (away + by + 0.5), 0, 1), np.float32)


def smoothstep(x: Array, low: float, high: float) -> Array:
    """0 below, 1 above, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def filled(points: Array, indices: tuple[int, ...], shape: tuple[int, int]) -> Array:
    """The hull of the named points, 1 inside."""
    mask = np.zeros(shape, np.float32)
    hull = cv2.convexHull(np.round(points[list(indices), :2] * 16).astype(np.int32))
    cv2.fillPoly(mask, [hull], 1.0, cv2.LINE_AA, 4)
    return mask


def features(points: Array, shape: tuple[int, int]) -> Array:
    """1 on eyes with lids, brows, lips and nostrils."""
    groups = (
        topo.LEFT_EYE,
        topo.RIGHT_EYE,
        topo.LEFT_BROW,
        topo.RIGHT_BROW,
        topo.LIPS_OUTER,
        (98, 327, 2, 94, 240, 460, 75, 305),
    )
    return np.asarray(np.maximum.reduce([filled(points, g, shape) for g in groups]))
