"""Decoding the pictures inside bundles and models without trusting their headers."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.replicas.errors import ReplicaError

#: Most pixels of a texture.
MAX_PIXELS = 8192 * 8192


def decode_picture(data: bytes, name: str) -> NDArray[np.uint8]:
    """A JPEG, PNG or WebP picture as uint8 RGB or RGBA, ``(h, w, 3 or 4)``.

    The size that the header claims is checked before memory is given for it.

    Raises:
        ReplicaError: Not such a picture, damaged, not 8-bit, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            width, height = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")).size
    except Image.DecompressionBombError as e:
        raise ReplicaError(f"{name}: too large a picture") from e
    except Exception as e:  # parsers raise whatever a damaged file leads them to
        raise ReplicaError(f"{name}: not an 8-bit picture (JPEG, PNG or WebP)") from e
    if width * height > MAX_PIXELS:
        raise ReplicaError(f"{name}: too large a picture")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None or image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ReplicaError(f"{name}: not an 8-bit picture")
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)
    code = cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), np.uint8)
