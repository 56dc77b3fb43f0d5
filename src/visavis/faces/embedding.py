"""Who a face looks like: an identity embedding, and apparent age and gender.

The network is FaceRes (Savchenko 2019, a MobileNet trained on VGGFace2) on a crop aligned by the
eyes, nose and mouth corners. Its raw embeddings of any two people are alike (cosine about 0.4);
the mean over 500 people is taken off before normalising, so that strangers lie about 0.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces.cropping import crop_square
from visavis.faces.landmarks import FaceLandmarks
from visavis.faces.runtime import Float, OnnxNetwork, check_image, weight_bytes

_SIZE = 224  # network input in pixels
_BGR_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
#: Eyes, nose, mouth corners in a 112-pixel crop, the alignment face recognition is trained on
#: (ArcFace, Deng et al. 2019); here in a crop of ``_SIZE`` pixels.
_TEMPLATE = 2 * np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.73, 92.2]]
)


@dataclass(frozen=True, slots=True)
class Appearance:
    """What a face looks like to a network. Not what a person is.

    Attributes:
        embedding: float32 ``(1024,)``, unit length; the dot product of two is near 0 for different
            people and about 0.8 for the same person in another frame.
        age: Apparent age in years.
        masculine: Apparent gender, 0 feminine … 1 masculine.
    """

    embedding: Float
    age: float
    masculine: float


@functools.cache
def _network() -> tuple[OnnxNetwork, Float]:
    mean = np.load(io.BytesIO(weight_bytes("faceres_mean.npy"))).astype(np.float32)
    return OnnxNetwork("faceres.onnx"), mean


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """The ``(2, 3)`` rotation, scale and shift that best map points to points (Umeyama 1991).

    Args:
        source: ``(n, 2)`` with n ≥ 2.
        target: ``(n, 2)``.
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    centre_a, centre_b = a.mean(0), b.mean(0)
    u, s, vt = np.linalg.svd((a - centre_a).T @ (b - centre_b))
    no_mirror = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    scale = (s * np.diag(no_mirror)).sum() / ((a - centre_a) ** 2).sum()
    linear = scale * (u @ no_mirror @ vt).T
    return np.column_stack([linear, centre_b - linear @ centre_a])


def appearance(image: NDArray[np.uint8], face: FaceLandmarks) -> Appearance:
    """Embedding, apparent age and gender of a face. About 15 ms on one core.

    Args:
        image: uint8 RGB ``(height, width, 3)``.
        face: Its landmarks in that image.

    Raises:
        ValueError: The image is not uint8 RGB.
    """
    check_image(image)
    network, mean = _network()
    out = network(_crop(image, face)[None])
    raw = out["global_pooling/Mean"][0] - mean
    age = float(out["age_pred/Softmax"][0] @ np.arange(1, 101, dtype=np.float32))
    return Appearance(
        (raw / np.linalg.norm(raw)).astype(np.float32), age, float(out["gender_pred/Sigmoid"][0, 0])
    )


def embed(image: NDArray[np.uint8], face: FaceLandmarks) -> Float:
    """The identity embedding alone: float32 ``(1024,)``, unit length (see ``Appearance``)."""
    return appearance(image, face).embedding


def _crop(image: NDArray[np.uint8], face: FaceLandmarks) -> Float:
    p = face.points[:, :2]
    eyes = [p[[33, 133]].mean(0), p[[263, 362]].mean(0)]
    five = np.array([*eyes, p[4], p[61], p[291]])
    square = crop_square(image, similarity(five, _TEMPLATE), _SIZE, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(square[:, :, ::-1]).astype(np.float32) - _BGR_MEAN
