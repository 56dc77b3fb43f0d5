"""Cutting the squares that the networks look at out of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def crop_square(
    image: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    size: int,
    border: int = cv2.BORDER_REPLICATE,
) -> NDArray[np.uint8]:
    """Warp ``image`` by ``matrix`` into a ``size``×``size`` square; no aliasing when it shrinks.

    Args:
        image: uint8 ``(height, width, 3)``.
        matrix: ``(2, 3)``, from picture pixels to pixels of the square.
        size: Side of the square in pixels.
        border: OpenCV's name for what lies outside the picture.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    if scale < 0.6:  # bilinear sampling alone would alias: average areas first
        image, matrix = _cut(image, matrix, size)
        factor = scale / 0.75
        # The size is given, not the factor: OpenCV would scale by the factor, not by what results.
        h, w = (max(1, round(n * factor)) for n in image.shape[:2])
        small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
        fx, fy = small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]
        back = np.array([[1 / fx, 0, 0.5 / fx - 0.5], [0, 1 / fy, 0.5 / fy - 0.5], [0, 0, 1]])
        image, matrix = small.astype(np.uint8, copy=False), matrix @ back
    square = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    return square.astype(np.uint8, copy=False)


def _cut(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Only the part of the picture that the square sees, with a little margin."""
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    h, w = image.shape[:2]
    margin = 8
    left, top = (int(v) for v in np.clip(seen.min(0) - margin, 0, [w - 1, h - 1]))
    right, bottom = (int(v) for v in np.clip(seen.max(0) + margin, [left + 1, top + 1], [w, h]))
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ [left, top]
    return image[top:bottom, left:right], moved
