"""Is the mouth or are the eyes of a face covered: a mask, a hand, a microphone, sunglasses?

Landmark networks imagine the features they cannot see, so the picture is asked: a linear
discriminant (Fisher 1936) over the colours of an aligned mouth or eye region, relative to the
skin of the same face. Fitted by ``scripts/fit_covers.py`` on 500 portraits without and with drawn
covers; the numbers are in ``data/PROVENANCE.md``.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces.cropping import crop_square
from visavis.faces.embedding import similarity

Image = NDArray[np.uint8]
Vector = NDArray[np.float64]
Region = Literal["mouth", "eyes"]

#: Side of the aligned square, and where eyes, nose and mouth corners lie in it (ArcFace).
_SIZE = 112
_FIVE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.73, 92.2]]
)
#: Rows, columns and the ``(width, height)`` at which a region is looked at.
_REGIONS: dict[Region, tuple[slice, slice, tuple[int, int]]] = {
    "mouth": (slice(76, 110), slice(32, 80), (24, 17)),
    "eyes": (slice(38, 66), slice(16, 96), (40, 14)),
}
#: Where the skin is that a region is compared with: not near the region itself.
_SKIN: dict[Region, tuple[tuple[slice, slice], ...]] = {
    "mouth": (
        (slice(66, 76), slice(26, 38)),
        (slice(66, 76), slice(74, 86)),
        (slice(50, 66), slice(50, 62)),
    ),
    # not the forehead: scarves and fringes cover it
    "eyes": (
        (slice(70, 80), slice(26, 38)),
        (slice(70, 80), slice(74, 86)),
        (slice(66, 74), slice(50, 62)),
    ),
}


def align(image: Image, points: NDArray[np.floating], size: int = _SIZE) -> Image:
    """The face upright in a square of ``size`` pixels.

    Args:
        image: uint8 RGB.
        points: ``(478, 2 or 3)`` landmarks, pixels.
    """
    p = np.asarray(points[:, :2], np.float64)
    five = np.array([p[[33, 133]].mean(0), p[[263, 362]].mean(0), p[4], p[61], p[291]])
    return crop_square(image, similarity(five, _FIVE * size / _SIZE), size)


def features(face: Image, region: Region) -> Vector:
    """What the discriminant sees of an aligned face: Lab relative to the skin, flat."""
    lab = cv2.cvtColor(cv2.GaussianBlur(face, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    skin = np.median(np.concatenate([lab[s].reshape(-1, 3) for s in _SKIN[region]]), axis=0)
    rows, columns, size = _REGIONS[region]
    patch = cv2.resize(lab[rows, columns], size, interpolation=cv2.INTER_AREA) - skin
    return np.asarray(patch / (max(float(skin[0]), 20.0), 40.0, 40.0), np.float64).ravel()


@cache
def _discriminant(region: Region) -> tuple[Vector, float]:
    source = resources.files("visavis.replicas") / "data" / "covers.npz"
    with resources.as_file(source) as path, np.load(path) as z:
        return z[f"{region}_weights"].astype(np.float64), float(z[f"{region}_bias"])


def covered(face: Image, region: Region) -> float:
    """How covered a region of an aligned face looks: above 0 it is refused, open ones lie below.

    Args:
        face: From :func:`align`, at its default size.
        region: ``mouth`` or ``eyes``.
    """
    weights, bias = _discriminant(region)
    return float(features(face, region) @ weights - bias)
