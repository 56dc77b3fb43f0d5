"""The CPU painter, judged by what it draws."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import visavis.replicas
from tests.rendering.states import face
from visavis import faces
from visavis.rendering.morphs import pack_morphs
from visavis.rendering.painter import PortraitPainter
from visavis.replicas.bundle import Replica
from visavis.replicas.catalog import DEFAULT, load_stock

SIZE = (1280, 720)


@pytest.fixture(scope="module")
def replica() -> Replica:
    return load_stock()


@pytest.fixture(scope="module")
def painter(replica: Replica) -> PortraitPainter:
    return PortraitPainter(replica, SIZE)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    folder = Path(visavis.replicas.__file__).parent / "stock" / DEFAULT
    image = cv2.imread(str(folder / "portrait_wide.webp"))[..., ::-1]
    return cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def tracker() -> faces.FaceTracker:
    return faces.FaceTracker(static=True)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / ((a.astype(float) - b) ** 2).mean()))


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (480, 480), (500, 282)])
def test_shape_and_type(replica: Replica, size: tuple[int, int]) -> None:
    painter = PortraitPainter(replica, size)
    image = painter.paint(face(jawOpen=0.4))
    assert painter.size == size
    assert image.shape == (size[1], size[0], 3)
    assert image.dtype == np.uint8
    assert image.std() > 20  # a picture of something


def test_a_size_too_small_is_refused(replica: Replica) -> None:
    with pytest.raises(ValueError, match="at least 64"):
        PortraitPainter(replica, (32, 32))


def test_wrong_coefficients_are_refused(painter: PortraitPainter) -> None:
    state = face()
    state.arkit = np.zeros(51, np.float32)
    with pytest.raises(ValueError, match="52"):
        painter.paint(state)


def test_at_rest_it_is_the_portrait(painter: PortraitPainter, portrait: np.ndarray) -> None:
    image = painter.paint(face())
    assert psnr(image, portrait) > 42
    # the closed mouth is the photograph's
    height, width = SIZE[1], SIZE[0]
    mouth = np.s_[int(0.56 * height) : int(0.72 * height), int(0.42 * width) : int(0.58 * width)]
    assert psnr(image[mouth], portrait[mouth]) > 38


def test_shading_changes_the_expression_and_not_the_person(
    replica: Replica, painter: PortraitPainter, tracker: faces.FaceTracker
) -> None:
    unshaded = PortraitPainter(replica, SIZE)
    unshaded._skin.shades = pack_morphs({}, ())
    rest = painter.paint(face()).copy()
    np.testing.assert_array_equal(rest, unshaded.paint(face()))
    smile = face(mouthSmileLeft=0.5, mouthSmileRight=0.5)
    shaded, plain = painter.paint(smile).copy(), unshaded.paint(smile)
    change = shaded.astype(int) - plain
    assert change.min() < -10  # a fold
    assert np.abs(change).mean() < 1.0  # and nothing else
    me = faces.embed(rest, tracker.detect(rest)[0])
    with_shade = faces.embed(shaded, tracker.detect(shaded)[0])
    without = faces.embed(plain, tracker.detect(plain)[0])
    assert me @ with_shade > me @ without - 0.06
    assert me @ with_shade > 0.8  # as the same person in another frame of a film


def test_the_same_state_is_the_same_picture(painter: PortraitPainter, replica: Replica) -> None:
    state = face(jawOpen=0.3, mouthFunnel=0.4, eyeBlink=0.3, yaw=4, pitch=-2)
    first = painter.paint(state).copy()
    painter.paint(face(jawOpen=0.9, roll=8, yaw=-9))
    painter.paint(face(eyeBlink=1.0))
    # what was drawn before leaves no trace
    np.testing.assert_array_equal(painter.paint(state), first)
    np.testing.assert_array_equal(PortraitPainter(replica, SIZE).paint(state), first)


def test_turning_the_head_leaves_the_backdrop_alone(painter: PortraitPainter) -> None:
    rest = painter.paint(face()).astype(int)
    turned = painter.paint(face(yaw=10, pitch=6, roll=6)).astype(int)
    change = np.abs(turned - rest).max(2)
    height, width = SIZE[1], SIZE[0]
    above = slice(0, int(0.7 * height))  # of the shoulders, which may give a little
    assert (change[above, : int(0.25 * width)] == 0).all()
    assert (change[above, int(0.75 * width) :] == 0).all()
    assert (
        change[int(0.3 * height) : int(0.6 * height), int(0.4 * width) : int(0.6 * width)].mean()
        > 3
    )


def test_nan_free_at_extremes(painter: PortraitPainter) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        state = face()
        state.arkit[:] = rng.uniform(0, 1, 52)
        state.head[:] = rng.normal(0, 2, 6)
        state.gaze[:] = rng.normal(0, 2, 2)
        assert painter.paint(state).shape == (SIZE[1], SIZE[0], 3)


def look(tracker: faces.FaceTracker, painter: PortraitPainter, **kwargs: float) -> np.ndarray:
    found = tracker.detect(painter.paint(face(**kwargs)))
    assert len(found) == 1
    return found[0].points


@pytest.mark.weights
class TestAsTheTrackerSeesIt:
    def test_the_framing_is_that_of_a_video_call(
        self, painter: PortraitPainter, tracker: faces.FaceTracker
    ) -> None:
        p = look(tracker, painter)
        eyes = p[[33, 263], 1].mean() / SIZE[1]
        assert 0.34 < eyes < 0.5
        assert 0.4 < p[[33, 263], 0].mean() / SIZE[0] < 0.6

    def test_the_mouth_is_closed_at_rest_and_in_bilabials(
        self, painter: PortraitPainter, tracker: faces.FaceTracker
    ) -> None:
        rest = faces.mouth_opening(look(tracker, painter))
        assert rest < 0.02
        for jaw in (0.05, 0.1, 0.2):
            m = look(tracker, painter, jawOpen=jaw, mouthClose=jaw, mouthRollLower=0.2,
                     mouthRollUpper=0.2, mouthPress=0.3)  # fmt: skip
            assert faces.mouth_opening(m) < 0.025

    def test_the_mouth_opens_with_the_jaw(
        self, painter: PortraitPainter, tracker: faces.FaceTracker
    ) -> None:
        opening = [
            faces.mouth_opening(look(tracker, painter, jawOpen=j)) for j in (0, 0.15, 0.3, 0.5, 0.8)
        ]
        assert (np.diff(opening) > 0.01).all()
        assert opening[-1] > 0.3

    def test_rounding_narrows_the_mouth_and_smiling_widens_it(
        self, painter: PortraitPainter, tracker: faces.FaceTracker
    ) -> None:
        rest = faces.mouth_width(look(tracker, painter))
        assert faces.mouth_width(look(tracker, painter, mouthPucker=0.8, jawOpen=0.1)) < 0.85 * rest
        assert faces.mouth_width(look(tracker, painter, mouthSmile=0.8)) > 1.04 * rest

    def test_eyes_close(self, painter: PortraitPainter, tracker: faces.FaceTracker) -> None:
        rest = np.mean(faces.eye_opening(look(tracker, painter)))
        half = np.mean(faces.eye_opening(look(tracker, painter, eyeBlink=0.5)))
        shut = np.mean(faces.eye_opening(look(tracker, painter, eyeBlink=1.0)))
        assert shut < 0.45 * rest
        assert shut < half < 0.9 * rest

    def test_one_eye_can_close_alone(
        self, painter: PortraitPainter, tracker: faces.FaceTracker
    ) -> None:
        right, left = faces.eye_opening(look(tracker, painter, eyeBlinkLeft=1.0))
        assert left < 0.6 * right

    def test_the_head_turns_as_told(
        self, painter: PortraitPainter, tracker: faces.FaceTracker
    ) -> None:
        def pose(**kwargs: float) -> tuple[float, float, float]:
            """How low the nose is between eyes and mouth, yaw and roll in degrees."""
            p = look(tracker, painter, **kwargs)
            eyes = p[[33, 263], 1].mean()
            low = float((p[1, 1] - eyes) / (p[13, 1] - eyes))
            _, yaw, roll = np.degrees(faces.head_pose(p))
            return low, float(yaw), float(roll)

        rest = pose()
        for axis, (name, least) in enumerate((("pitch", 0.02), ("yaw", 4.0), ("roll", 5.0))):
            up, down = pose(**{name: 8.0})[axis], pose(**{name: -8.0})[axis]
            assert up > rest[axis] + least
            assert down < rest[axis] - least

    def test_the_irises_follow_the_gaze(
        self, painter: PortraitPainter, tracker: faces.FaceTracker
    ) -> None:
        def iris(yaw: float) -> float:
            state = face()
            state.gaze[1] = np.radians(yaw)
            p = tracker.detect(painter.paint(state))[0].points
            return float(p[[468, 473], 0].mean() - p[[33, 133, 362, 263], 0].mean())

        assert iris(15) > iris(0) + 1.5 > iris(-15) + 3.0
