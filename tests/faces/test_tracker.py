"""Landmarks follow the face, wherever it is and however large."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.faces.conftest import STOCK, read_rgb
from visavis.faces import FaceLandmarks, FaceTracker, head_pose, inter_ocular

Image = NDArray[np.uint8]


def moved(image: Image, matrix: NDArray[np.float64], size: tuple[int, int]) -> Image:
    out = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


def test_portrait_agrees_with_its_stored_landmarks(face: FaceLandmarks) -> None:
    stored = np.load(str(STOCK / "landmarks.npy"))
    assert stored.shape == face.points.shape == (478, 3)
    assert stored.dtype == face.points.dtype == np.float32
    error = np.linalg.norm(stored - face.points, axis=1).mean() / inter_ocular(face.points)
    assert error < 0.01


def test_eyes_lie_left_and_right_of_the_nose(face: FaceLandmarks) -> None:
    right_iris, left_iris, nose, chin = (face.points[k] for k in (468, 473, 4, 152))
    assert right_iris[0] < nose[0] < left_iris[0]
    assert right_iris[1] < nose[1] < chin[1]
    assert 170 <= inter_ocular(face.points[:, :2]) <= 215


def test_irises_are_darker_than_the_whites_beside_them(
    portrait: Image, face: FaceLandmarks
) -> None:
    grey = cv2.GaussianBlur(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), (0, 0), 2)
    for centre, corner in ((468, 133), (473, 362)):
        iris = face.points[centre, :2]
        white = iris * 0.4 + face.points[corner, :2] * 0.6
        dark, bright = (int(grey[int(p[1]), int(p[0])]) for p in (iris, white))
        assert dark < bright - 15


def test_inner_lips_lie_on_the_dark_line_between_them(portrait: Image, face: FaceLandmarks) -> None:
    grey = cv2.GaussianBlur(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    for upper, lower in ((82, 87), (13, 14), (312, 317)):
        x, y = face.points[[upper, lower], :2].mean(0)
        column = grey[int(y) - 14 : int(y) + 15, int(x)]
        line = int(y) - 14 + int(column.argmin())
        assert abs(line - y) < 0.025 * inter_ocular(face.points[:, :2])


@settings(max_examples=12, deadline=None)
@given(
    scale=st.floats(0.35, 1.2),
    dx=st.floats(-60, 60),
    dy=st.floats(-60, 60),
    degrees=st.floats(-25, 25),
)
def test_landmarks_move_with_the_picture(
    portrait: Image,
    tracker: FaceTracker,
    face: FaceLandmarks,
    scale: float,
    dx: float,
    dy: float,
    degrees: float,
) -> None:
    matrix = cv2.getRotationMatrix2D((512, 512), degrees, scale)
    matrix[:, 2] += [dx, dy]
    found = tracker.detect(moved(portrait, matrix, (1024, 1024)))
    assert len(found) == 1
    expected = face.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    error = np.linalg.norm(found[0].points[:, :2] - expected, axis=1)
    assert error.mean() < 0.02 * inter_ocular(expected)
    # Turning the picture clockwise (negative in OpenCV) tilts the head to its own left.
    roll = head_pose(found[0].points)[2] - head_pose(face.points)[2]
    assert roll == pytest.approx(-np.radians(degrees), abs=0.03)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.6, 1.0])
def test_call_picture_with_a_small_or_large_face(tracker: FaceTracker, share: float) -> None:
    """1280×720, the portrait at several sizes: the face is 9 % to 45 % of the height."""
    wide = cv2.resize(read_rgb("portrait_wide.webp"), (1280, 720), interpolation=cv2.INTER_AREA)
    small = cv2.resize(wide, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    canvas = np.full((720, 1280, 3), 120, np.uint8)
    canvas[-small.shape[0] :, : small.shape[1]] = small
    found = tracker.detect(canvas)
    assert len(found) == 1
    assert found[0].points[4, 0] == pytest.approx(640 * share, abs=40 * share)


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.3])
def test_face_that_fills_the_frame(
    portrait: Image, tracker: FaceTracker, face: FaceLandmarks, margin: float
) -> None:
    x0, y0, x1, y1 = face.box
    pad = margin * (y1 - y0)
    top, bottom, left, right = (int(v) for v in (y0 - pad, y1 + pad, x0 - pad, x1 + pad))
    tight = portrait[max(top, 0) : bottom, max(left, 0) : right]
    big = np.asarray(cv2.resize(tight, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    found = tracker.detect(big)
    assert len(found) == 1
    nose = found[0].points[4, :2] / 2 + [max(left, 0), max(top, 0)]
    assert np.linalg.norm(nose - face.points[4, :2]) < 0.05 * inter_ocular(face.points)


def test_no_face_in_blank_noise_or_upside_of_the_jacket(portrait: Image) -> None:
    tracker = FaceTracker(static=True)
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    for empty in (np.full((720, 1280, 3), 127, np.uint8), noise, portrait[900:, :].copy()):
        assert tracker.detect(empty) == []


def test_stream_agrees_with_single_pictures(portrait: Image, tracker: FaceTracker) -> None:
    """A face that drifts, grows and tilts: following it gives what detecting it anew gives."""
    stream = FaceTracker(static=False)
    for k in range(8):
        matrix = cv2.getRotationMatrix2D((512, 512), 1.5 * k, 0.6 + 0.02 * k)
        matrix[:, 2] += [6 * k, -3 * k]
        frame = moved(portrait, matrix, (1024, 1024))
        followed, alone = stream.detect(frame)[0], tracker.detect(frame)[0]
        error = np.linalg.norm(followed.points[:, :2] - alone.points[:, :2], axis=1).mean()
        assert error < 0.015 * inter_ocular(alone.points[:, :2])


def test_stream_loses_and_finds_again(portrait: Image) -> None:
    stream = FaceTracker(static=False)
    blank = np.full_like(portrait, 127)
    counts = [len(stream.detect(i)) for i in (portrait, blank, blank, portrait)]
    assert counts == [1, 0, 0, 1]
    stream.reset()
    assert stream.detect(blank) == []


def test_two_faces_when_asked_for(portrait: Image) -> None:
    half = cv2.resize(portrait, (512, 512), interpolation=cv2.INTER_AREA)
    pair = np.hstack([half, half[:, ::-1]])
    assert len(FaceTracker(static=True, max_faces=2).detect(pair)) == 2
    assert len(FaceTracker(static=True).detect(pair)) == 1


@pytest.mark.parametrize("wrong", [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3), np.float32)])
def test_wrong_pictures_are_refused(tracker: FaceTracker, wrong: Image) -> None:
    with pytest.raises(ValueError, match="uint8 RGB"):
        tracker.detect(wrong)


def test_at_least_one_face() -> None:
    with pytest.raises(ValueError, match="max_faces"):
        FaceTracker(static=True, max_faces=0)
