"""Detect faces and follow them from frame to frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.faces.detection import FaceDetector
from visavis.faces.landmarks import (
    FaceLandmarks,
    LandmarkNetwork,
    region_of_detection,
    region_of_points,
)
from visavis.faces.runtime import check_image


class FaceTracker:
    """Face landmarks of a picture or of a stream of pictures.

    Args:
        static: True for unrelated pictures: every call detects, and looks a second time in the
            region the first landmarks give. False for a stream: the region of the last frame's
            face is used again, which needs no detection until the face is lost.
        max_faces: At most this many faces, the surest first.
        threads: Cores for each network.
    """

    #: Below this the network says there is no face in the region.
    MIN_SCORE = 0.5

    def __init__(self, static: bool, *, max_faces: int = 1, threads: int = 1) -> None:
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, got {max_faces}")
        self._static = static
        self._max_faces = max_faces
        self._detector = FaceDetector(threads)
        self._landmarks = LandmarkNetwork(threads)
        self._last: list[FaceLandmarks] = []

    def reset(self) -> None:
        """Forget the last frame, for example at a cut."""
        self._last = []

    def detect(self, image: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Faces in a uint8 RGB image ``(height, width, 3)``, the surest first.

        Raises:
            ValueError: The image has another type or shape.
        """
        check_image(image)
        faces = [] if self._static else self._follow(image)
        if not faces:
            faces = self._find(image)
        self._last = sorted(faces, key=lambda f: -f.score)
        return list(self._last)

    def _follow(self, image: NDArray[np.uint8]) -> list[FaceLandmarks]:
        faces = (self._landmarks(image, region_of_points(f.points)) for f in self._last)
        return [f for f in faces if f.score >= self.MIN_SCORE]

    def _find(self, image: NDArray[np.uint8]) -> list[FaceLandmarks]:
        faces = []
        for detection in self._detector.detect(image)[: self._max_faces]:
            face = self._landmarks(image, region_of_detection(detection))
            if face.score >= self.MIN_SCORE:
                face = self._landmarks(image, region_of_points(face.points))
            if face.score >= self.MIN_SCORE:
                faces.append(face)
        return faces
