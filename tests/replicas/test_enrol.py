"""From a photo to a replica: what is refused and why, and what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import visavis.replicas
from visavis import faces
from visavis.animation.face_state import ARKIT_INDEX, FaceState
from visavis.cli import app
from visavis.rendering.painter import PortraitPainter
from visavis.replicas import topology as topo
from visavis.replicas.bundle import load
from visavis.replicas.catalog import DEFAULT, load_stock
from visavis.replicas.closing import CLOSABLE, close_mouth
from visavis.replicas.covers import align, covered
from visavis.replicas.enrol import check_consent, enrol, slug
from visavis.replicas.errors import ReplicaError
from visavis.replicas.framing import FRAME, frame_portrait, guided_filter
from visavis.replicas.photo import PhotoError, PhotoProblem
from visavis.replicas.photo_checks import blur, check_face
from visavis.replicas.portrait import MAX_GAP, lip_gap, turn

Image = np.ndarray


def png(image: Image) -> bytes:
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


@pytest.fixture(scope="module")
def tracker() -> faces.FaceTracker:
    return faces.FaceTracker(static=True)


@pytest.fixture(scope="module")
def portrait() -> Image:
    """The square portrait of a stock face: a person who does not exist."""
    folder = Path(visavis.replicas.__file__).parent / "stock" / DEFAULT
    return cv2.imread(str(folder / "portrait.png"))[..., ::-1].copy()


@pytest.fixture(scope="module")
def face(portrait: Image, tracker: faces.FaceTracker) -> faces.FaceLandmarks:
    return tracker.detect(portrait)[0]


def acted(**weights: float) -> Image:
    """The stock face making a face."""
    state = FaceState(0.0)
    for name, value in weights.items():
        state.arkit[ARKIT_INDEX[name]] = value
    return PortraitPainter(load_stock(), (1280, 720)).paint(state).copy()


def masked(image: Image, face: faces.FaceLandmarks, colour: tuple[int, int, int]) -> Image:
    ids = [132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361,
           323, 195, 93]  # fmt: skip
    hull = cv2.convexHull(face.points[ids, :2].astype(np.int32))
    return cv2.fillPoly(image.copy(), [hull], colour, cv2.LINE_AA)


def shaded(image: Image, face: faces.FaceLandmarks) -> Image:
    out = image.copy()
    unit = float(np.linalg.norm(face.points[468, :2] - face.points[473, :2]))
    for iris in (468, 473):
        centre = tuple(int(v) for v in face.points[iris, :2])
        axes = (int(0.42 * unit), int(0.32 * unit))
        cv2.ellipse(out, centre, axes, 0, 0, 360, (20, 20, 22), -1, cv2.LINE_AA)
    return out


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (lambda i, f: np.full_like(i, 128), PhotoProblem.NO_FACE),
            (lambda i, f: np.hstack([i, i]), PhotoProblem.SEVERAL_FACES),
            (lambda i, f: cv2.resize(i, (320, 320), interpolation=cv2.INTER_AREA),
             PhotoProblem.TOO_SMALL),
            (lambda i, f: cv2.GaussianBlur(i, (0, 0), 6), PhotoProblem.BLURRED),
            (lambda i, f: (i * 0.12).astype(np.uint8), PhotoProblem.TOO_DARK),
            (lambda i, f: np.clip(i * 2.2 + 60, 0, 255).astype(np.uint8),
             PhotoProblem.OVEREXPOSED),
            (lambda i, f: masked(i, f, (150, 190, 215)), PhotoProblem.MOUTH_COVERED),
            (lambda i, f: masked(i, f, (30, 30, 34)), PhotoProblem.MOUTH_COVERED),
            (shaded, PhotoProblem.EYES_COVERED),
            (lambda i, f: i[:790], PhotoProblem.CROPPED),
            (lambda i, f: acted(jawOpen=0.6), PhotoProblem.MOUTH_OPEN),
            (lambda i, f: acted(eyeBlinkLeft=1.0, eyeBlinkRight=1.0), PhotoProblem.EYES_CLOSED),
        ],
    )  # fmt: skip
    def test_by_name(
        self,
        portrait: Image,
        face: faces.FaceLandmarks,
        change: Callable[[Image, faces.FaceLandmarks], Image],
        problem: PhotoProblem,
    ) -> None:
        with pytest.raises(PhotoError) as e:
            enrol(png(change(portrait, face)), "Nobody", None)
        assert e.value.problem == problem
        assert e.value.advice

    @pytest.mark.parametrize("axis", ["turned", "tilted"])
    def test_turned(self, portrait: Image, face: faces.FaceLandmarks, axis: str) -> None:
        points = face.points.copy()
        if axis == "turned":
            points[1, 0] += 0.4 * np.linalg.norm(points[33, :2] - points[263, :2])
        else:
            c, s = np.cos(0.5), np.sin(0.5)
            middle = points[:, :2].mean(0)
            points[:, :2] = (points[:, :2] - middle) @ np.array([[c, s], [-s, c]]) + middle
        with pytest.raises(PhotoError) as e:
            check_face(portrait, faces.FaceLandmarks(points, face.score, face.box))
        assert e.value.problem == PhotoProblem.TURNED

    def test_consent_must_say_something(self, portrait: Image) -> None:
        with pytest.raises(ReplicaError, match="consent"):
            enrol(png(portrait), "Nobody", "  - ")
        with pytest.raises(ReplicaError, match="name"):
            enrol(png(portrait), " ", None)
        assert check_consent(" signed \n by Ada ") == "signed by Ada"


def test_a_replica_of_a_photo(portrait: Image, tracker: faces.FaceTracker) -> None:
    replica = enrol(png(portrait[:, 150:-150]), "Ada Example", "signed by Ada, file 1")
    m = replica.manifest
    assert (m.id, m.kind, m.consent) == ("ada-example", "portrait", "signed by Ada, file 1")
    assert (m.capture_width, m.capture_height) == FRAME
    painter = PortraitPainter(replica, (960, 540))
    state = FaceState(0.0)
    rest = tracker.detect(painter.paint(state))[0]
    assert lip_gap(rest.points) < 0.05 and abs(turn(rest.points)) < 0.2
    state.arkit[ARKIT_INDEX["jawOpen"]] = 0.7
    assert lip_gap(tracker.detect(painter.paint(state))[0].points) > 0.2
    before = faces.embed(portrait, tracker.detect(portrait)[0])
    state.arkit[:] = 0
    frame = painter.paint(state)
    assert float(before @ faces.embed(frame, tracker.detect(frame)[0])) > 0.7


class TestFraming:
    def test_a_narrow_photo_fills_the_frame(
        self, portrait: Image, face: faces.FaceLandmarks
    ) -> None:
        cut = 200
        points = face.points.astype(float) - (cut, 0, 0)
        framed = frame_portrait(portrait[:, cut:-cut].copy(), points)
        width, height = FRAME
        assert framed.image.shape == framed.backdrop.shape == (height, width, 3)
        assert framed.matte.shape == (height, width)
        # eyes at their place, shoulders reach the lower edge, the sides are backdrop
        eyes = framed.points[[468, 473], :2].mean(0)
        assert abs(eyes[0] - width / 2) < 0.05 * width and 0.3 < eyes[1] / height < 0.55
        assert framed.matte[-1, width // 2 - 200 : width // 2 + 200].min() > 0.9
        assert framed.matte[: height // 2, :200].max() < 0.05
        far = framed.matte < 0.01
        np.testing.assert_allclose(framed.image[far], framed.backdrop[far], atol=1)
        # nothing of the photo's edge is left: neighbouring columns of the backdrop agree
        steps = np.abs(np.diff(framed.backdrop.astype(float), axis=1)).mean((0, 2))
        assert steps.max() < 4

    def test_guided_filter_keeps_flat_masks(self) -> None:
        rng = np.random.default_rng(0)
        guide = rng.integers(0, 255, (40, 50, 3), np.uint8)
        for level in (0.0, 0.4, 1.0):
            out = guided_filter(guide, np.full((40, 50), level, np.float32), 4)
            np.testing.assert_allclose(out, level, atol=1e-4)


def test_covers_are_told_from_faces(portrait: Image, face: faces.FaceLandmarks) -> None:
    plain = align(portrait, face.points)
    assert covered(plain, "mouth") < 0 and covered(plain, "eyes") < 0
    assert covered(align(masked(portrait, face, (230, 230, 235)), face.points), "mouth") > 0
    assert covered(align(shaded(portrait, face), face.points), "eyes") > 0


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 4))
def test_blur_grows_with_blur_and_not_with_contrast(seed: int, sigma: float) -> None:
    picture = np.random.default_rng(seed).uniform(0, 255, (64, 64)).astype(np.float32)
    once = cv2.GaussianBlur(picture, (0, 0), sigma)
    twice = cv2.GaussianBlur(once, (0, 0), sigma)
    assert 0 <= blur(picture) < blur(once) < blur(twice) <= 1
    assert blur(once * 0.2 + 50) == pytest.approx(blur(once), abs=1e-3)


@given(st.text(max_size=80))
def test_any_name_makes_an_id(name: str) -> None:
    assert slug(name) == slug(name).lower()
    from visavis.replicas.bundle import ReplicaManifest

    ReplicaManifest(id=slug(name), name="x", licence="x", provenance="x", capture_width=1,
                    capture_height=1)  # fmt: skip


class TestCommand:
    def run(self, *args: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["replica", *map(str, args)])
        return result.exit_code, result.output

    def test_consent_is_asked_for(self, tmp_path: Path, portrait: Image) -> None:
        photo = tmp_path / "photo.png"
        photo.write_bytes(png(portrait))
        code, text = self.run("new", photo, "--name", "Ada", "--out", tmp_path / "ada")
        assert code == 2 and "--consent" in text and not (tmp_path / "ada").exists()
        code, _ = self.run("new", photo, "--name", "A", "--consent", "by A", "--nobody")
        assert code == 2

    def test_new_and_show(self, tmp_path: Path, portrait: Image) -> None:
        photo, out = tmp_path / "photo.png", tmp_path / "ada.zip"
        photo.write_bytes(png(portrait))
        code, text = self.run("new", photo, "--name", "Ada", "--consent", "by Ada", "--out", out)
        assert code == 0, text
        assert load(out).manifest.consent == "by Ada"
        code, text = self.run("show", out, "--json")
        assert code == 0 and json.loads(text)["kind"] == "portrait"

    def test_a_refused_photo_leaves_nothing(self, tmp_path: Path) -> None:
        photo, out = tmp_path / "photo.png", tmp_path / "ada"
        photo.write_bytes(b"not a picture")
        code, text = self.run("new", photo, "--name", "Ada", "--nobody", "--out", out)
        assert code == 1 and "JPEG" in text
        assert [p.name for p in tmp_path.iterdir()] == ["photo.png"]
        assert self.run("new", tmp_path / "none.png", "--name", "A", "--nobody")[0] == 1
        assert self.run("show", tmp_path / "nothing")[0] == 1

    def test_other_folders_are_not_overwritten(self, tmp_path: Path) -> None:
        out = tmp_path / "precious"
        out.mkdir()
        code, text = self.run("new", "x.png", "--name", "Ada", "--nobody", "--out", out)
        assert code == 2 and "no replica" in text


class TestClosing:
    def test_a_parted_mouth_is_closed_and_nothing_else_changes(
        self, tracker: faces.FaceTracker
    ) -> None:
        parted = acted(
            jawOpen=0.12, mouthUpperUpLeft=0.4, mouthUpperUpRight=0.4, mouthSmileLeft=0.5,
            mouthSmileRight=0.5, mouthLowerDownLeft=0.4, mouthLowerDownRight=0.4,
        )  # fmt: skip
        points = tracker.detect(parted)[0].points
        assert MAX_GAP < lip_gap(points) < CLOSABLE
        closed = close_mouth(parted, points)
        after = tracker.detect(closed)[0].points
        assert lip_gap(after) < 0.04
        unit = np.linalg.norm(points[468, :2] - points[473, :2])
        for corner in (61, 291):  # the smile stays
            assert np.linalg.norm(after[corner, :2] - points[corner, :2]) < 0.1 * unit
        changed = np.nonzero(np.abs(closed.astype(int) - parted).max(2) > 2)
        assert changed[0].min() > points[2, 1] - 3 and changed[0].max() < points[152, 1] + 3
        replica = enrol(png(parted), "Smile", None)
        assert "lips of a smile were closed" in replica.manifest.provenance

    def test_closed_lips_stay_as_they_are(self, portrait: Image, face: faces.FaceLandmarks) -> None:
        points = face.points.copy()
        points[list(topo.LOWER_INNER)] = points[list(topo.UPPER_INNER)]
        np.testing.assert_array_equal(close_mouth(portrait, points), portrait)
