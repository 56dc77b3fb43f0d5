"""Painters of meshes and Gaussians: they draw what the state says, and only that."""

from __future__ import annotations

import numpy as np
import pytest

from tests.replicas.models import face_glb, lam_zip, offsets_ply
from visavis.animation.face_state import ARKIT_INDEX, FaceState
from visavis.rendering import stage
from visavis.rendering.contract import FacePainter
from visavis.rendering.mesh_kernels import light_tables
from visavis.rendering.mesh_painter import MeshPainter
from visavis.rendering.painter import PortraitPainter
from visavis.rendering.painters import open_painter
from visavis.rendering.splat_painter import SplatPainter
from visavis.replicas.bundle import Replica
from visavis.replicas.catalog import load_stock
from visavis.replicas.enrol import enrol
from visavis.replicas.errors import ReplicaError

SIZE = (320, 180)
Image = np.ndarray


def state(**kwargs: float) -> FaceState:
    s = FaceState(0.0)
    for name, value in kwargs.items():
        if name in ARKIT_INDEX:
            s.arkit[ARKIT_INDEX[name]] = value
        else:
            s.head[("pitch", "yaw", "roll", "x", "y", "z").index(name)] = value
    return s


@pytest.fixture(scope="module", params=["mesh", "splat"])
def replica(request: pytest.FixtureRequest) -> Replica:
    return enrol(face_glb(texture=True) if request.param == "mesh" else lam_zip(), "Mask", None)


@pytest.fixture(scope="module")
def painter(replica: Replica) -> FacePainter:
    return open_painter(replica, SIZE)


def person(image: Image) -> np.ndarray:
    """Where something other than the backdrop is."""
    return np.abs(image.astype(int) - stage.backdrop(SIZE)).max(2) > 12


def centre(mask: np.ndarray) -> np.ndarray:
    return np.array([axis.mean() for axis in np.nonzero(mask)])


def test_the_kind_chooses_the_painter(replica: Replica, painter: FacePainter) -> None:
    assert type(painter) is (MeshPainter if replica.manifest.kind == "mesh" else SplatPainter)
    assert type(open_painter(load_stock(), SIZE)) is PortraitPainter
    video = Replica(replica.manifest.model_copy(update={"kind": "video"}), replica.files)
    with pytest.raises(ReplicaError, match="video"):
        open_painter(video, SIZE)


@pytest.mark.parametrize("size", [(64, 64), (180, 320), (333, 77)])
def test_any_size(replica: Replica, size: tuple[int, int]) -> None:
    image = open_painter(replica, size).paint(state())
    assert image.shape == (size[1], size[0], 3) and image.dtype == np.uint8


def test_too_small_and_wrong_states_are_refused(replica: Replica, painter: FacePainter) -> None:
    with pytest.raises(ValueError, match="64 x 64"):
        open_painter(replica, (32, 32))
    wrong = state()
    wrong.arkit = np.zeros(51, np.float32)
    with pytest.raises(ValueError, match=r"\(52,\)"):
        painter.paint(wrong)


def test_the_face_is_where_a_portrait_has_it(painter: FacePainter) -> None:
    there = person(painter.paint(state()))
    rows, columns = np.nonzero(there)
    assert abs(columns.mean() / SIZE[0] - 0.5) < 0.02
    assert 0.15 < rows.min() / SIZE[1] < 0.42 and 0.6 < rows.max() / SIZE[1] < 0.95
    assert 0.2 < np.ptp(columns) / SIZE[1] < 0.6


def test_the_same_state_is_the_same_picture(replica: Replica, painter: FacePainter) -> None:
    s = state(jawOpen=0.4, yaw=0.1)
    first = painter.paint(s).copy()
    painter.paint(state(mouthSmileLeft=1))
    np.testing.assert_array_equal(painter.paint(s), first)
    np.testing.assert_array_equal(open_painter(replica, SIZE).paint(s), first)


def test_the_jaw_opens_below_and_nothing_moves_above(painter: FacePainter) -> None:
    rest, wide = painter.paint(state()).copy(), painter.paint(state(jawOpen=1)).copy()
    changed = np.abs(wide.astype(int) - rest).max(2) > 12
    rows = np.nonzero(changed)[0]
    assert changed.sum() > 200 and rows.min() > 0.45 * SIZE[1]
    assert np.nonzero(person(wide))[0].max() > np.nonzero(person(rest))[0].max() + 2


def test_each_eye_closes_on_its_side(painter: FacePainter) -> None:
    rest = painter.paint(state()).copy()
    for name, left in (("eyeBlinkLeft", True), ("eyeBlinkRight", False)):
        changed = np.abs(painter.paint(state(**{name: 1.0})).astype(int) - rest).max(2) > 12
        assert changed.any()
        assert (centre(changed)[1] > SIZE[0] / 2) == left


def test_the_head_turns_and_moves_as_the_state_says(painter: FacePainter) -> None:
    def at(**pose: float) -> np.ndarray:
        return centre(person(painter.paint(state(**pose))))

    rest = at()
    assert at(x=0.5)[1] > rest[1] + 5 and at(y=0.5)[0] < rest[0] - 5
    assert person(painter.paint(state(z=1.0))).sum() > 1.05 * person(painter.paint(state())).sum()
    # the person's left is on the picture's right; the mask lies before the pivot and swings along
    assert at(yaw=0.3)[1] > rest[1] + 2 > rest[1] - 2 > at(yaw=-0.3)[1]
    assert at(pitch=0.3)[0] > rest[0] + 1


def test_extremes_and_nonsense_are_drawn(painter: FacePainter) -> None:
    s = state(yaw=9, pitch=-9, roll=9, x=1e6, z=1e9)
    s.arkit[:] = 1
    painter.paint(s)
    s.arkit[:] = np.nan
    s.head[:] = np.nan
    s.gaze[:] = np.nan
    np.testing.assert_array_equal(painter.paint(s), painter.paint(state()))


class TestMesh:
    def test_the_texture_is_not_mirrored(self) -> None:
        image = MeshPainter(enrol(face_glb(texture=True), "Mask", None), SIZE).paint(state())
        there = person(image)
        middle = SIZE[0] // 2
        left, right = image[:, :middle][there[:, :middle]], image[:, middle:][there[:, middle:]]
        assert left[:, 2].mean() > 2 * left[:, 0].mean()  # blue on the picture's left
        assert right[:, 0].mean() > 2 * right[:, 2].mean()

    def test_what_is_near_hides_what_is_far(self) -> None:
        """A head turned sideways shows as much as its outline, never through itself."""
        painter = MeshPainter(enrol(face_glb(texture=True), "Mask", None), SIZE)
        image = painter.paint(state(yaw=0.5))
        there = person(image)
        # the far half is partly hidden by the nose and narrower
        red = (image[..., 0] > 2 * image[..., 2].astype(int)) & there
        blue = (image[..., 2] > 2 * image[..., 0].astype(int)) & there
        assert red.sum() < 0.8 * blue.sum()

    def test_eyeballs_look_where_the_gaze_goes(self) -> None:
        painter = MeshPainter(enrol(face_glb(skin=True, eyeballs=True), "Mask", None), (640, 360))

        def iris(pitch: float, yaw: float) -> np.ndarray:
            s = state()
            s.gaze[:] = pitch, yaw
            image = painter.paint(s).astype(int)
            return centre((image[..., 2] > 1.6 * image[..., 1]) & (image[..., 2] > 60))

        ahead = iris(0.0, 0.01)
        assert abs(ahead[1] - 320) < 3
        assert iris(0.0, 0.35)[1] > ahead[1] + 2 > ahead[1] - 2 > iris(0.0, -0.35)[1]
        assert iris(0.3, 0.0)[0] > ahead[0] + 1

    def test_light_tables_are_inverse(self) -> None:
        linear, srgb = light_tables()
        back = srgb[np.round(linear * (len(srgb) - 1)).astype(int)]
        assert np.abs(back[8:].astype(int) - np.arange(8, 256)).max() <= 1


class TestSplat:
    def paint(self, **columns: np.ndarray) -> Image:
        files = {"skin.glb": face_glb(skin=True), "offset.ply": offsets_ply(468, **columns)}
        return SplatPainter(enrol(lam_zip(files), "Mask", None), SIZE).paint(state())

    def test_opaque_gaussians_have_their_colour(self) -> None:
        big = {f"scale_{i}": np.full(468, np.log(0.006)) for i in range(3)}
        image = self.paint(**big, opacity=np.full(468, 12.0))
        y, x = (int(v) for v in centre(person(image)))
        np.testing.assert_allclose(image[y, x], np.array([0.8, 0.5, 0.4]) * 255, atol=3)

    def test_transparent_gaussians_leave_the_backdrop(self) -> None:
        image = self.paint(opacity=np.full(468, -12.0))
        np.testing.assert_array_equal(image, stage.backdrop(SIZE))

    def test_the_nearer_gaussian_wins(self) -> None:
        """Half of the Gaussians are red and 2 cm before the others, all at one place."""
        rest = enrol(lam_zip(), "Mask", None).splat().mesh.parts[0].positions
        middle = rest.mean(0)
        near = np.arange(468) % 2 == 0
        offset = middle + np.c_[np.zeros((468, 2)), np.where(near, 0.02, 0.0)] - rest
        columns = {"x": offset[:, 0], "y": offset[:, 1], "z": offset[:, 2]}
        columns |= {f"f_dc_{i}": np.where(near, float(i == 0), float(i == 2)) for i in range(3)}
        image = self.paint(**columns, opacity=np.full(468, 5.0))
        r, _, b = image[tuple(int(v) for v in centre(person(image)))].astype(int)
        assert r > 240 and b < 20
