"""Face detection: BlazeFace, short range (Bazarevsky et al. 2019), as in MediaPipe."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces.cropping import crop_square
from visavis.faces.runtime import Float, LiteNetwork, check_image

_SIZE = 128  # network input in pixels
_MIN_SCORE = 0.5
_SAME_FACE_IOU = 0.3


@dataclass(frozen=True, slots=True)
class Detection:
    """One face found in a picture.

    Attributes:
        score: 0..1.
        box: float32 ``(4,)``: left, top, right, bottom in pixels; from the brows to the chin.
        keypoints: float32 ``(6, 2)`` in pixels: the subject's right eye, left eye, nose tip,
            mouth, right ear, left ear.
    """

    score: float
    box: Float
    keypoints: Float


def _anchors() -> Float:
    """Centres of the 896 SSD anchors, in 0..1: two per cell of 16×16, six per cell of 8×8."""
    levels = []
    for cells, per_cell in ((16, 2), (8, 6)):
        y, x = np.mgrid[0:cells, 0:cells]
        centre = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells
        levels.append(np.repeat(centre, per_cell, axis=0))
    return np.concatenate(levels).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Window:
    """A square part of the picture, possibly reaching beyond its border, in pixels."""

    left: float
    top: float
    side: float


def _windows(height: int, width: int) -> list[list[_Window]]:
    """Where to look, in turns: the whole picture; with a margin; parts of it.

    BlazeFace was trained on selfies: a face that fills the frame is found once there is a margin
    around it, a small one once the picture is cut into parts.
    """
    long, short = max(height, width), min(height, width)
    whole = _Window((width - long) / 2, (height - long) / 2, long)
    margin = _Window(width / 2 - long * 0.85, height / 2 - long * 0.85, long * 1.7)
    parts = []
    for share in (1.0, 0.6):
        side = short * share
        for y in np.linspace(0, height - side, 1 if height - side < 1 else 2):
            for x in np.linspace(0, width - side, 3):
                parts.append(_Window(float(x), float(y), side))
    return [[whole], [margin], parts]


class FaceDetector:
    """Finds faces in a picture. About 1 ms on one core when the first look succeeds."""

    def __init__(self, threads: int = 1) -> None:
        self._network = LiteNetwork("face_detection_short_range.tflite", threads)
        self._anchors = _anchors()

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Faces in a uint8 RGB image ``(height, width, 3)``, best first; empty if there is none."""
        check_image(image)
        for turn in _windows(*image.shape[:2]):
            found = [d for window in turn for d in self._look(image, window)]
            if found:
                return _merge(found)
        return []

    def _look(self, image: NDArray[np.uint8], window: _Window) -> list[Detection]:
        scale = _SIZE / window.side
        # Pixel centres lie at one half.
        to_net = np.array(
            [
                [scale, 0, (0.5 - window.left) * scale - 0.5],
                [0, scale, (0.5 - window.top) * scale - 0.5],
            ]
        )
        patch = crop_square(image, to_net, _SIZE, border=cv2.BORDER_CONSTANT)
        out = self._network(patch.astype(np.float32)[None] / np.float32(127.5) - 1)
        logits = np.clip(out["classificators"][0, :, 0], -80, 80)  # exp must not overflow
        scores = 1 / (1 + np.exp(-logits))
        keep = scores >= _MIN_SCORE
        if not keep.any():
            return []
        raw = out["regressors"][0, keep].reshape(-1, 8, 2) / _SIZE
        anchors = self._anchors[keep]
        centre, size = raw[:, 0] + anchors, raw[:, 1]
        points = raw[:, 2:] + anchors[:, None]
        corner = np.array([window.left, window.top], np.float32)
        boxes = np.concatenate([centre - size / 2, centre + size / 2], 1)
        boxes = boxes * window.side + np.tile(corner, 2)
        points = points * window.side + corner
        return _weighted_nms(*(a.astype(np.float32) for a in (scores[keep], boxes, points)))


def _iou(box: Float, boxes: Float) -> Float:
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    union = np.prod(box[2:] - box[:2]) + area - overlap
    return np.asarray(overlap / np.maximum(union, 1e-9), np.float32)


def _weighted_nms(scores: Float, boxes: Float, points: Float) -> list[Detection]:
    """Blend overlapping candidates by score, as MediaPipe does, instead of dropping them."""
    faces = []
    left = np.argsort(-scores)
    while len(left):
        same = _iou(boxes[left[0]], boxes[left]) > _SAME_FACE_IOU
        group = left[same]
        weight = scores[group] / scores[group].sum()
        faces.append(
            Detection(
                float(scores[left[0]]),
                (weight[:, None] * boxes[group]).sum(0).astype(np.float32),
                (weight[:, None, None] * points[group]).sum(0).astype(np.float32),
            )
        )
        left = left[~same]
    return faces


def _merge(found: list[Detection]) -> list[Detection]:
    """One detection per face when several windows saw it: the best-scored is kept."""
    kept: list[Detection] = []
    for d in sorted(found, key=lambda d: -d.score):
        if not kept or _iou(d.box, np.stack([k.box for k in kept])).max() < _SAME_FACE_IOU:
            kept.append(d)
    return kept
