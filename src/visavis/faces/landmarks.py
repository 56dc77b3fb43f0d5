"""The 478 landmarks of one face: MediaPipe's attention mesh (Grishchenko et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces import topology
from visavis.faces.cropping import crop_square
from visavis.faces.detection import Detection
from visavis.faces.runtime import Float, OnnxNetwork

_SIZE = 192  # network input in pixels
_MARGIN = 1.5  # region of interest = face box times this
#: The converted lip head answers this much too high, in crop pixels. Measured on 53 closed mouths:
#: the dark line between the lips lies 1.16 px below the head's inner lips (quartiles 0.94 and 1.47)
#: and 0.00 px below the unrefined mesh's (-0.31 and 0.70), which is right but less precise.
_LIPS_TOO_HIGH = 1.16


@dataclass(frozen=True, slots=True)
class FaceLandmarks:
    """One face.

    Attributes:
        points: float32 ``(478, 3)``: x to the right, y down in pixels (the centre of the top-left
            pixel is 0, 0); z in the same unit, smaller is nearer to the camera, zero about the
            head's middle. Indices in :mod:`visavis.faces.topology`.
        score: How sure the network is that there is a face, 0..1.
        box: float32 ``(4,)``: left, top, right, bottom of the points, in pixels.
    """

    points: Float
    score: float
    box: Float


@dataclass(frozen=True, slots=True)
class Region:
    """A rotated square around a face: centre and side in pixels, angle in radians."""

    x: float
    y: float
    side: float
    angle: float

    def matrix(self, size: int = _SIZE) -> NDArray[np.float64]:
        """The ``(2, 3)`` map from picture pixels to a ``size``×``size`` upright crop."""
        k = size / self.side
        c, s = np.cos(self.angle) * k, np.sin(self.angle) * k
        half = (size - 1) / 2
        return np.array(
            [
                [c, s, half - c * self.x - s * self.y],
                [-s, c, half + s * self.x - c * self.y],
            ]
        )


def region_of_detection(detection: Detection) -> Region:
    """The square the network wants to see, from a detection: upright by the eyes."""
    right, left = detection.keypoints[0], detection.keypoints[1]
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    x0, y0, x1, y1 = (float(v) for v in detection.box)
    return Region((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) * _MARGIN, angle)


def region_of_points(points: Float) -> Region:
    """The square the network wants to see, from earlier landmarks: upright by the eyes."""
    eye_line = points[263, :2] - points[33, :2]
    angle = float(np.arctan2(eye_line[1], eye_line[0]))
    c, s = np.cos(angle), np.sin(angle)
    upright = points[: topology.MESH_POINTS, :2] @ np.array([[c, -s], [s, c]])
    low, high = upright.min(0), upright.max(0)
    u, v = (low + high) / 2
    side = float((high - low).max()) * _MARGIN
    return Region(float(c * u - s * v), float(s * u + c * v), side, angle)


class LandmarkNetwork:
    """Landmarks from a region of interest. A few milliseconds on one core."""

    def __init__(self, threads: int = 1) -> None:
        self._network = OnnxNetwork("attention_mesh.onnx", threads)

    def __call__(self, image: NDArray[np.uint8], region: Region) -> FaceLandmarks:
        """The landmarks of the face inside ``region``; ``score`` says whether there is one."""
        matrix = region.matrix()
        crop = crop_square(image, matrix, _SIZE)
        out = self._network(crop.astype(np.float32)[None] / np.float32(255))
        score = float(1 / (1 + np.exp(-np.clip(out["conv_faceflag"].item(), -80, 80))))
        local = _assemble(out)
        # The network counts from the crop's corner; pixel centres lie at one half.
        local[:, :2] -= 0.5
        inverse = cv2.invertAffineTransform(matrix)
        points = np.empty((topology.POINTS, 3), np.float32)
        points[:, :2] = local[:, :2] @ inverse[:, :2].T + inverse[:, 2]
        points[:, 2] = local[:, 2] * (region.side / _SIZE)
        box = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
        return FaceLandmarks(points, score, box)


def _assemble(out: dict[str, Float]) -> Float:
    """Mesh, then the lips, eyes and irises that the refining heads see better, in crop pixels."""
    points = np.empty((topology.POINTS, 3), np.float32)
    points[: topology.MESH_POINTS] = out["output_mesh_identity"].reshape(-1, 3)
    heads = (
        ("output_lips", topology.LIPS_REFINED),
        ("output_left_eye", topology.RIGHT_EYE_REFINED),  # MediaPipe's "left" is the picture's
        ("output_right_eye", topology.LEFT_EYE_REFINED),
        ("output_left_iris", topology.RIGHT_IRIS),
        ("output_right_iris", topology.LEFT_IRIS),
    )
    for name, indices in heads:
        points[list(indices), :2] = out[name].reshape(-1, 2)
    points[list(topology.LIPS_REFINED), 1] += _LIPS_TOO_HIGH
    # The irises have no depth of their own: they lie in the plane of their lids.
    points[list(topology.RIGHT_IRIS), 2] = points[list(topology.RIGHT_EYE), 2].mean()
    points[list(topology.LEFT_IRIS), 2] = points[list(topology.LEFT_EYE), 2].mean()
    return points
