"""Thin-plate splines through landmarks (Bookstein 1989), and pictures warped by them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[Any]
#: left, top, width, height in pixels.
Box = tuple[int, int, int, int]

#: Splines are solved in units of so many pixels, and evaluated on every so-manieth.
_UNIT, _STEP = 200.0, 4


def _kernel(a: Array, b: Array) -> Array:
    squared = cdist(a, b, "sqeuclidean")
    return np.asarray(squared * np.log(squared + 1e-12) / 2)


def spline_map(target: Array, source: Array, box: Box, stiffness: float = 0.5) -> Array:
    """Where each pixel of a part of the result comes from.

    Args:
        target: ``(n, 2)`` control points in the result, pixels.
        source: ``(n, 2)`` the same in the source picture.
        box: The part of the result.
        stiffness: Regularisation; 0 goes exactly through the points.

    Returns:
        float32 ``(height, width, 2)``: x and y in the source, for :func:`sample`.
    """
    left, top, width, height = box
    n, t = len(target), np.asarray(target, np.float64) / _UNIT
    affine = np.column_stack([np.ones(n), t])
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(t, t) + stiffness * 1e-3 * np.eye(n)
    system[:n, n:], system[n:, :n] = affine, affine.T
    shift = np.asarray(source, np.float64) - target
    weights = np.linalg.solve(system, np.concatenate([shift, np.zeros((3, 2))]))
    # Two cells more on each side than needed, for the cubic interpolation.
    gx = np.arange(left - 2 * _STEP, left + width + 3 * _STEP, _STEP)
    gy = np.arange(top - 2 * _STEP, top + height + 3 * _STEP, _STEP)
    grid = np.stack(np.meshgrid(gx, gy), -1).reshape(-1, 2) / _UNIT
    parts = [
        _kernel(part, t) @ weights[:n] + np.column_stack([np.ones(len(part)), part]) @ weights[n:]
        for part in np.array_split(grid, max(1, len(grid) // 8192))
    ]
    coarse = np.concatenate(parts).reshape(len(gy), len(gx), 2).astype(np.float32)
    to_coarse = np.array([[1 / _STEP, 0, 2.0], [0, 1 / _STEP, 2.0]])
    fine = cv2.warpAffine(
        coarse, to_coarse, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    y, x = np.mgrid[top : top + height, left : left + width].astype(np.float32)
    return np.asarray(fine + np.dstack([x, y]), np.float32)


def sample(image: Array, where: Array) -> Array:
    """The picture at the places ``(h, w, 2)``; beyond its edge its edge goes on."""
    x, y = np.ascontiguousarray(where[..., 0]), np.ascontiguousarray(where[..., 1])
    out = cv2.remap(image, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out)
