"""Who is in the picture and what is behind: MediaPipe's selfie segmentation."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces.runtime import Float, LiteNetwork, check_image

_SIZE = 256  # network input in pixels


@functools.cache
def _network() -> LiteNetwork:
    return LiteNetwork("selfie_segmentation.tflite")


def matte(image: NDArray[np.uint8]) -> Float:
    """How much of each pixel is the person, float32 ``(height, width)`` in 0..1.

    Coarse: the network sees 256×256 pixels, so hair is a soft edge. About 4 ms on one core.

    Raises:
        ValueError: The image is not uint8 RGB ``(height, width, 3)``.
    """
    check_image(image)
    small = cv2.resize(image, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
    (alpha,) = _network()(small.astype(np.float32)[None] / np.float32(255)).values()
    size = (image.shape[1], image.shape[0])
    full = cv2.resize(alpha[0, :, :, 0], size, interpolation=cv2.INTER_LINEAR)
    return np.clip(full, 0, 1).astype(np.float32)
