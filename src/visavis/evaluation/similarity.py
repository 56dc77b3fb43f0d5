"""How alike two pictures look."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

#: Standard deviation of the window, pixels, and the two constants that keep quotients finite.
SIGMA, C1, C2 = 1.5, (0.01 * 255) ** 2, (0.03 * 255) ** 2
WINDOW = (11, 11)


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Structural similarity of two pictures, per pixel.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE TIP 13(4), 2004: on luma, with their Gaussian window of 11 pixels.

    Args:
        a: uint8 RGB ``(h, w, 3)``.
        b: As ``a``.

    Returns:
        ``(h, w)``, -1..1; 1 where they are the same.

    Raises:
        ValueError: They differ in shape.
    """
    if a.shape != b.shape:
        raise ValueError(f"pictures of the same size are needed, got {a.shape} and {b.shape}")
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float64) for p in (a, b))

    def mean(z: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(z, WINDOW, SIGMA), np.float64)

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    top = (2 * mx * my + C1) * (2 * vxy + C2)
    return np.asarray(top / ((mx * mx + my * my + C1) * (vx + vy + C2)))
