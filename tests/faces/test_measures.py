"""Measures of the geometry: known changes of the face change them as they should."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.faces import (
    FaceLandmarks,
    FaceTracker,
    eye_opening,
    head_pose,
    inter_ocular,
    mouth_opening,
    mouth_width,
)
from visavis.faces.topology import LEFT_EYE, LIPS_INNER, RIGHT_EYE

Image = NDArray[np.uint8]


def with_mouth_open(image: Image, points: NDArray[np.float32], gap: float) -> Image:
    """Pull the lower lip down by ``gap`` pixels in the middle and paint the hole dark."""
    h, w = image.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    corner, other = points[61], points[291]
    across = np.clip((x - corner[0]) / (other[0] - corner[0]), 0, 1)
    drop = gap * 4 * across * (1 - across)
    seam = np.interp(
        x[0],
        points[list(LIPS_INNER[:11]), 0],
        (points[list(LIPS_INNER[:11]), 1] + points[[78, *LIPS_INNER[:10:-1], 308], 1]) / 2,
    )[None]
    below = y - seam
    reach = 260.0  # the chin follows, the neck stays
    fade = np.clip(1 - below / reach, 0, 1)
    source = np.where(below > 0, np.maximum(y - drop * fade, seam), y).astype(np.float32)
    shifted = cv2.remap(image, x, source, cv2.INTER_LINEAR)
    hole = (below > 0) & (below < drop)
    shifted[hole] = (40, 15, 15)
    return np.asarray(shifted, np.uint8)


def test_a_closed_mouth_is_closed(face: FaceLandmarks) -> None:
    assert mouth_opening(face.points[:, :2]) < 0.03
    assert 0.6 < mouth_width(face.points[:, :2]) < 1.1


def test_opening_grows_with_the_gap(
    portrait: Image, face: FaceLandmarks, tracker: FaceTracker
) -> None:
    gaps = [0, 15, 30, 50, 70]
    measured = []
    for gap in gaps:
        picture = with_mouth_open(portrait, face.points, gap)
        measured.append(mouth_opening(tracker.detect(picture)[0].points[:, :2]))
    assert all(b > a + 0.015 for a, b in itertools.pairwise(measured)), measured
    truth = 70 / inter_ocular(face.points[:, :2])
    assert measured[-1] == pytest.approx(truth, rel=0.4)


def test_eyes_are_open_and_shut_points_are_not(face: FaceLandmarks) -> None:
    right, left = eye_opening(face.points[:, :2])
    assert 0.15 < right < 0.5
    assert 0.15 < left < 0.5
    shut = face.points[:, :2].copy()
    for eye in (RIGHT_EYE, LEFT_EYE):
        shut[list(eye), 1] = shut[list(eye), 1].mean()
    assert max(eye_opening(shut)) < 0.3 * min(right, left)


@given(
    scale=st.floats(0.1, 10),
    angle=st.floats(-3, 3),
    shift=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
)
def test_measures_do_not_depend_on_size_place_or_tilt(
    face: FaceLandmarks, scale: float, angle: float, shift: tuple[float, float]
) -> None:
    p = face.points[:, :2].astype(np.float64)
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    q = p @ np.array([[c, s], [-s, c]]) + np.array(shift)
    assert mouth_opening(q) == pytest.approx(mouth_opening(p), abs=1e-6)
    assert mouth_width(q) == pytest.approx(mouth_width(p), rel=1e-6)
    assert eye_opening(q) == pytest.approx(eye_opening(p), rel=1e-6)
    assert inter_ocular(q) == pytest.approx(inter_ocular(p) * scale, rel=1e-6)


@given(angle=st.floats(-0.5, 0.5))
def test_head_pose_signs(face: FaceLandmarks, angle: float) -> None:
    """Turning the points about one axis changes that angle by as much, signs as FaceState's."""
    p = face.points.astype(np.float64)
    base = head_pose(p)
    c, s = np.cos(angle), np.sin(angle)
    # To the face's own left: the nose (nearer, smaller z) goes to the right of the picture.
    yaw = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    # Down: the nose goes down in the picture.
    pitch = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    turned, nodded = p @ yaw.T, p @ pitch
    nose_right = (turned[4] - turned[[234, 454]].mean(0))[0] - (p[4] - p[[234, 454]].mean(0))[0]
    nose_down = (nodded[4] - nodded[[234, 454]].mean(0))[1] - (p[4] - p[[234, 454]].mean(0))[1]
    if abs(angle) > 0.05:
        assert np.sign(head_pose(turned)[1] - base[1]) == np.sign(nose_right)
        assert np.sign(head_pose(nodded)[0] - base[0]) == np.sign(nose_down)
    assert abs(head_pose(turned)[1] - base[1]) == pytest.approx(abs(angle), abs=0.05)
    assert abs(head_pose(nodded)[0] - base[0]) == pytest.approx(abs(angle), abs=0.05)


def test_the_portrait_looks_into_the_camera(face: FaceLandmarks) -> None:
    assert np.abs(head_pose(face.points)).max() < 0.15


def test_wrong_points_are_refused(face: FaceLandmarks) -> None:
    with pytest.raises(ValueError, match="landmarks"):
        mouth_opening(face.points[:68])
    with pytest.raises(ValueError, match="depth"):
        head_pose(face.points[:, :2])
