"""Faces in pictures: detection, 478 landmarks, matte, identity embedding, simple measures."""

from visavis.faces.embedding import Appearance, appearance, embed
from visavis.faces.landmarks import FaceLandmarks
from visavis.faces.matting import matte
from visavis.faces.measures import (
    eye_opening,
    head_pose,
    inter_ocular,
    mouth_opening,
    mouth_width,
)
from visavis.faces.tracker import FaceTracker

__all__ = [
    "Appearance",
    "FaceLandmarks",
    "FaceTracker",
    "appearance",
    "embed",
    "eye_opening",
    "head_pose",
    "inter_ocular",
    "matte",
    "mouth_opening",
    "mouth_width",
]
