"""Building a replica from a portrait."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from visavis.replicas import topology as topo
from visavis.replicas.bundle import ReplicaManifest
from visavis.replicas.catalog import DEFAULT, load_stock
from visavis.replicas.plates import clean_backdrop, close_holes, cut_out, fill
from visavis.replicas.portrait import build_portrait
from visavis.replicas.rig import Rig

MANIFEST = ReplicaManifest(
    id="test", name="Test", licence="CC0-1.0", provenance="test", capture_width=1, capture_height=1
)


@pytest.fixture(scope="module")
def rig() -> Rig:
    return load_stock().rig()


@pytest.fixture(scope="module")
def stock_portrait() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import visavis.replicas

    folder = Path(visavis.replicas.__file__).parent / "stock" / DEFAULT
    image = cv2.imread(str(folder / "portrait.png"))[..., ::-1].copy()
    matte = cv2.imread(str(folder / "matte.png"), cv2.IMREAD_GRAYSCALE) / 255.0
    return image, np.load(folder / "landmarks.npy").astype(float), matte


def test_builds_from_a_portrait(stock_portrait: tuple[np.ndarray, ...]) -> None:
    image, landmarks, matte = stock_portrait
    replica = build_portrait(image, landmarks, matte, MANIFEST)
    assert replica.manifest.capture_width == image.shape[1]
    assert sum(map(len, replica.files.values())) < 8 * 2**20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, p, m: (i.astype(float), p, m), "uint8"),
        (lambda i, p, m: (i, p[:468], m), "478"),
        (lambda i, p, m: (i, p, m[:-1]), "matte"),
        (lambda i, p, m: (i, p, m * 0 + 1), "backdrop"),
    ],
)
def test_unusable_input_says_why(
    stock_portrait: tuple[np.ndarray, ...], change: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build_portrait(*change(*stock_portrait), MANIFEST)  # type: ignore[operator]


def test_an_open_mouth_is_refused(stock_portrait: tuple[np.ndarray, ...]) -> None:
    image, landmarks, matte = stock_portrait
    landmarks = landmarks.copy()
    landmarks[list(topo.LOWER_INNER[1:-1]), 1] += 40
    with pytest.raises(ValueError, match="closed-mouth"):
        build_portrait(image, landmarks, matte, MANIFEST)


def test_a_smile_shades_the_fold_beside_the_nose_and_a_one_sided_smile_one_side(rig: Rig) -> None:
    face = rig.layers["face"]
    used = np.unique(face.triangles)
    p = face.positions
    left, right = face.shades["mouthSmileLeft"], face.shades["mouthSmileRight"]
    both = (left + right)[used]
    corner = p[rig.rows["lip_upper"][-1]]
    darkest = np.abs(p[used][np.argsort(both)[:50], 0]).mean()
    assert both.min() < -0.1
    assert 0.6 * corner[0] < darkest < 1.8 * corner[0]  # about the corners, not lips or jaw
    assert both.max() <= 0.3
    assert np.abs(left[used][p[used, 0] < -0.2]).max() < 0.03
    assert np.abs(right[used][p[used, 0] > 0.2]).max() < 0.03


def test_shading_fades_before_the_rim_of_the_face(rig: Rig) -> None:
    face, body = rig.layers["face"], rig.layers["body"]
    rim = np.intersect1d(np.unique(face.triangles), np.unique(body.triangles))
    outside = np.setdiff1d(np.unique(body.triangles), rim)
    for shade in face.shades.values():
        assert np.isfinite(shade).all()
        assert np.abs(shade[outside]).max(initial=0) < 0.02
        assert np.abs(shade[rim]).max() < 0.06


def test_lips_share_their_seam_at_rest(rig: Rig) -> None:
    p = rig.layers["face"].positions
    np.testing.assert_allclose(p[rig.rows["lip_upper"]], p[rig.rows["lip_lower"]], atol=1e-5)


def gap(rig: Rig, **weights: float) -> np.ndarray:
    face = rig.layers["face"]
    p = face.positions + sum(face.morphs[n] * np.float32(w) for n, w in weights.items())
    return p[rig.rows["lip_upper"], 1] - p[rig.rows["lip_lower"], 1]


@pytest.mark.parametrize("amount", [0.1, 0.3, 0.6])
def test_mouth_close_undoes_the_gap_of_jaw_open(rig: Rig, amount: float) -> None:
    assert gap(rig, jawOpen=amount).max() > 0.1 * amount
    assert np.abs(gap(rig, jawOpen=amount, mouthClose=amount)).max() < 0.004


def test_the_mouth_opens_widest_in_the_middle(rig: Rig) -> None:
    opening = gap(rig, jawOpen=0.5)
    middle = len(opening) // 2
    assert opening.argmax() == pytest.approx(middle, abs=3)
    assert (np.diff(opening[: middle - 2]) > -1e-4).all()
    assert (np.diff(opening[middle + 3 :]) < 1e-4).all()


def test_rounding_narrows_and_smiling_widens(rig: Rig) -> None:
    face = rig.layers["face"]
    ends = rig.rows["lip_upper"][[0, -1]]

    def width(*names: str) -> float:
        p = face.positions[ends] + sum(face.morphs[n][ends] for n in names)
        return float(p[1, 0] - p[0, 0])

    rest = width()
    assert width("mouthPucker") < 0.8 * rest
    assert width("mouthFunnel") < 0.9 * rest
    assert width("mouthSmileLeft", "mouthSmileRight") > 1.08 * rest


def test_upper_teeth_stay_with_the_skull_and_lower_ones_go_with_the_jaw(rig: Rig) -> None:
    assert "jawOpen" not in rig.layers["teeth_upper"].morphs
    drop = rig.layers["teeth_lower"].morphs["jawOpen"]
    assert np.ptp(drop, axis=0).max() < 1e-6  # rigid
    assert drop[0, 1] < -0.1


def test_eyes_meet_when_they_blink(rig: Rig) -> None:
    face = rig.layers["face"]
    for side, name in (("right", "eyeBlinkRight"), ("left", "eyeBlinkLeft")):
        up, low = rig.rows[f"eye_{side}_upper"], rig.rows[f"eye_{side}_lower"]
        open_ = face.positions[up, 1] - face.positions[low, 1]
        closed = open_ + face.morphs[name][up, 1] - face.morphs[name][low, 1]
        assert np.abs(closed).max() < 0.12 * open_.max()


def test_head_motion_fades_towards_the_shoulders(rig: Rig) -> None:
    body = rig.layers["body"]
    follow = body.attributes["follow"]
    assert follow[rig.rows["lip_upper"]].min() > 0.95
    low = body.positions[:, 1] < body.positions[:, 1].min() * 0.6
    assert follow[low].max() < 0.05


def test_fill_keeps_what_is_known() -> None:
    y, x = np.mgrid[0:96, 0:128].astype(np.float32)
    image = np.stack([x, y, x + y], -1)
    known = np.ones((96, 128), np.float32)
    known[30:60, 40:80] = 0
    out = fill(image, known)
    np.testing.assert_allclose(out[known > 0], image[known > 0], atol=1e-3)
    # a smooth picture is continued smoothly: between its neighbours' values, without steps
    hole = known == 0
    assert np.abs(out - image)[hole].mean() < 9
    assert np.abs(np.diff(out, axis=1)).max() < 12


def test_cut_out_and_backdrop_give_the_picture_back() -> None:
    rng = np.random.default_rng(0)
    backdrop = np.full((120, 160, 3), (90, 110, 130), np.uint8)
    person = cv2.GaussianBlur(rng.integers(0, 255, (120, 160, 3), np.uint8), (0, 0), 4)
    alpha = np.zeros((120, 160), np.float32)
    cv2.circle(alpha, (80, 70), 35, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    image = (person * alpha[..., None] + backdrop * (1 - alpha[..., None])).astype(np.uint8)
    plate = clean_backdrop(image, alpha)
    assert np.abs(plate.astype(int) - backdrop).max() < 12
    rgba = cut_out(image, alpha, plate).astype(np.float32)
    a = rgba[..., 3:] / 255
    again = rgba[..., :3] * a + plate * (1 - a)
    assert np.abs(again - image).mean() < 1.0


def test_holes_in_the_matte_are_closed_where_the_person_shows() -> None:
    backdrop = np.full((60, 60, 3), 100, np.uint8)
    image = backdrop.copy()
    image[10:50, 10:50] = 200
    image[20:24, 20:24] = 100  # one real gap
    matte = (image[..., 0] > 150).astype(np.float32)
    matte[30:36, 30:36] = 0  # and one mistake
    out = close_holes(image, matte, backdrop)
    assert out[32, 32] == 1
    assert out[22, 22] == 0
    assert out[0, 0] == 0
