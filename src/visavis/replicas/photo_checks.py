"""Can this photo become a replica? Every refusal has a name and a measure.

The limits were set on 500 official portraits, as they are and as spoilt on purpose (blurred,
shaken, covered); see ``docs/replicas.md`` for what they let through.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces import FaceLandmarks, eye_opening, head_pose
from visavis.replicas.closing import CLOSABLE
from visavis.replicas.covers import align, covered
from visavis.replicas.photo import PhotoError, PhotoProblem
from visavis.replicas.portrait import MAX_TURN, lip_gap, turn

Image = NDArray[np.uint8]

#: Fewest pixels between the pupils; a 720-line frame shows 124.
MIN_PUPILS = 70
#: Tilt to the shoulder and nod, radians.
MAX_ROLL, MAX_PITCH = np.radians(20), np.radians(20)
#: Another face counts when its eyes are this far apart, relative to the first one's.
SECOND_FACE = 0.4
#: Gap between the lids over the eye's width.
MIN_EYES = 0.10
#: Crété's blur, 0 sharp to 1. Portraits have 0.23 to 0.50; a blur of 2 % of the distance of the
#: pupils 0.66 and more.
MAX_BLUR = 0.66
#: The face's light parts (95th percentile of luma) must be this bright, 0..255. Portraits of all
#: skin colours begin at 147.
MIN_LIGHT = 70
#: Share of the face that may be burnt out to white. Portraits have up to 0.06.
MAX_BURNT = 0.15


def blur(gray: NDArray[np.floating]) -> float:
    """How blurred a picture is, 0..1, whatever its contrast (Crété et al. 2007).

    The share of the differences between neighbours that survives another blur.
    """
    worst = 0.0
    for axis, kernel in ((0, (1, 9)), (1, (9, 1))):
        before = np.abs(np.diff(gray, axis=axis))
        after = np.abs(np.diff(cv2.blur(gray, kernel), axis=axis))
        total = float(before.sum())
        lost = float(np.maximum(0, before - after).sum())
        worst = max(worst, 1 - lost / total if total > 0 else 1.0)
    return worst


def _apart(face: FaceLandmarks) -> float:
    return float(np.linalg.norm(face.points[468, :2] - face.points[473, :2]))


def only_face(faces: Sequence[FaceLandmarks]) -> FaceLandmarks:
    """The one person in a photo.

    Raises:
        PhotoError: ``NO_FACE`` or ``SEVERAL_FACES``.
    """
    if not faces:
        raise PhotoError(PhotoProblem.NO_FACE, "No face was found.")
    ordered = sorted(faces, key=_apart, reverse=True)
    others = sum(_apart(f) >= SECOND_FACE * _apart(ordered[0]) for f in ordered[1:])
    if others:
        raise PhotoError(PhotoProblem.SEVERAL_FACES, f"There are {others + 1} faces.")
    return ordered[0]


def check_face(photo: Image, face: FaceLandmarks) -> None:
    """Refuse a face that cannot be driven.

    Args:
        photo: uint8 RGB.
        face: Its landmarks there.

    Raises:
        PhotoError: The first thing that is wrong with it.
    """
    p = face.points
    apart = _apart(face)
    if apart < MIN_PUPILS:
        raise PhotoError(
            PhotoProblem.TOO_SMALL,
            f"The face is too small: {apart:.0f} pixels between the pupils, {MIN_PUPILS} needed.",
        )
    h, w = photo.shape[:2]
    inside = (p[:468, 0] > 0) & (p[:468, 0] < w - 1) & (p[:468, 1] > 0) & (p[:468, 1] < h - 1)
    if not inside.all():
        raise PhotoError(PhotoProblem.CROPPED, "Part of the face is outside the picture.")
    pitch, _, roll = head_pose(p)
    if abs(turn(p)) > MAX_TURN or abs(pitch) > MAX_PITCH or abs(roll) > MAX_ROLL:
        raise PhotoError(PhotoProblem.TURNED, "The head is turned or tilted too far.")

    close = align(photo, p, 336)[78:312, 90:246]
    luma = cv2.cvtColor(close, cv2.COLOR_RGB2GRAY)
    if np.percentile(luma, 95) < MIN_LIGHT:
        raise PhotoError(PhotoProblem.TOO_DARK, "The face is too dark.")
    burnt = float((close.min(axis=2) >= 250).mean())
    if burnt > MAX_BURNT:
        raise PhotoError(PhotoProblem.OVEREXPOSED, f"{burnt:.0%} of the face are burnt out.")
    softness = blur(luma.astype(np.float32))
    if softness > MAX_BLUR:
        raise PhotoError(PhotoProblem.BLURRED, f"The face is blurred ({softness:.2f}).")

    small = align(photo, p)
    if covered(small, "eyes") > 0:
        raise PhotoError(PhotoProblem.EYES_COVERED, "The eyes are covered.")
    if covered(small, "mouth") > 0:
        raise PhotoError(PhotoProblem.MOUTH_COVERED, "The mouth is covered.")
    if min(eye_opening(p)) < MIN_EYES:
        raise PhotoError(PhotoProblem.EYES_CLOSED, "An eye is closed.")
    gap = lip_gap(p)
    if gap > CLOSABLE:
        raise PhotoError(PhotoProblem.MOUTH_OPEN, f"The lips are {gap:.0%} of their width apart.")
