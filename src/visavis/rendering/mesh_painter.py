"""Draw a mesh replica on one CPU core: three lamps, textures, a depth buffer, supersampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import FaceState
from visavis.rendering import mesh_kernels as k
from visavis.rendering import stage
from visavis.rendering.morphs import PackedMorphs, pack_morphs
from visavis.replicas.bundle import Replica
from visavis.replicas.mesh import MeshPart

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

#: Samples per pixel and axis.
SUPERSAMPLING = 2


def _lamps() -> Floats:
    """A soft warm key from the upper left, a cool fill, and a rim from behind, ``(3, 7)``."""
    rows = []
    for direction, rgb, wrap in (
        ((-0.5, 0.55, 0.8), (0.78, 0.74, 0.69), 0.3),
        ((0.8, 0.1, 0.6), (0.20, 0.22, 0.25), 0.5),
        ((0.5, 0.5, -0.8), (0.35, 0.36, 0.38), 0.0),
    ):
        d = np.array(direction) / np.linalg.norm(direction)
        rows.append([*d, *rgb, wrap])
    return np.array(rows, np.float32)


_AMBIENT = np.array([[0.30, 0.31, 0.33], [0.14, 0.13, 0.13]], np.float32)


@dataclass(slots=True)
class _Part:
    """A part ready to draw."""

    rest: Floats
    v: Floats
    p: Floats
    normal: Floats
    light: Floats
    tri: NDArray[np.int32]
    weld: NDArray[np.int32]
    uv: Floats
    colours: Floats
    texture: Image
    follow: Floats
    eye: NDArray[np.int8]
    morphs: PackedMorphs
    cutoff: float
    blend: bool
    lit: bool

    @classmethod
    def of(cls, part: MeshPart) -> _Part:
        n = len(part.positions)
        rest = np.ascontiguousarray(part.positions)
        _, first, inverse = np.unique(rest, axis=0, return_index=True, return_inverse=True)
        texture = part.texture
        if texture is None:
            texture = np.full((1, 1, 4), 255, np.uint8)
        return cls(
            rest=rest,
            v=rest.copy(),
            p=np.zeros((n, 3), np.float32),
            normal=np.zeros((n, 3), np.float32),
            light=np.zeros((n, 7), np.float32),
            tri=np.ascontiguousarray(part.triangles),
            weld=first[inverse.ravel()].astype(np.int32),
            uv=np.ascontiguousarray(part.uv),
            colours=np.ascontiguousarray(part.colours),
            texture=np.ascontiguousarray(texture),
            follow=np.ascontiguousarray(part.head),
            eye=np.ascontiguousarray(part.eye),
            morphs=pack_morphs(part.morphs),
            cutoff=part.cutoff if part.blend == "mask" else 1 / 255 if part.blend == "blend" else 0,
            blend=part.blend == "blend",
            lit=part.lit,
        )


class MeshPainter:
    """A :class:`visavis.rendering.contract.FacePainter` for replicas of kind ``mesh``.

    Args:
        replica: A bundle of kind ``mesh``.
        size: Width and height of the pictures, at least 64 x 64.
    """

    def __init__(self, replica: Replica, size: tuple[int, int] = (1280, 720)) -> None:
        stage.check_size(size)
        self._size = size
        model = replica.mesh()
        self._unit = model.unit
        self._pivot = model.pivot.astype(np.float32)
        self._eyes = None if model.eyes is None else model.eyes.astype(np.float32)
        self._camera = stage.head_camera(model.pupils, size)
        self._parts = [_Part.of(p) for p in model.parts]
        self._lamps = _lamps()
        self._linear, self._srgb = k.light_tables()
        self._backdrop = stage.backdrop(size)
        tall, wide = size[1] * SUPERSAMPLING, size[0] * SUPERSAMPLING
        self._canvas = np.zeros((tall, wide, 4), np.float32)
        self._nearest = np.zeros((tall, wide), np.float32)
        self._frame = self._backdrop.copy()
        self._last = (0, 0, 0, 0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures in pixels."""
        return self._size

    def paint(self, state: FaceState) -> Image:
        """Draw the state: uint8 RGB ``(height, width, 3)``, valid until the next call."""
        arkit = stage.coefficients(state)
        rotation, shift = stage.head_pose(state, self._unit)
        pitch, yaw = stage.gaze(state)
        look = stage.rotation(pitch, yaw, 0.0)
        c, ss = self._camera, SUPERSAMPLING
        camera = c.centre + np.array([0, 0, c.distance], np.float32)
        for part in self._parts:
            np.copyto(part.v, part.rest)
            m = part.morphs
            m.add(part.v, arkit)
            if self._eyes is not None:
                k.turn_eyes(part.v, part.eye, look, self._eyes)
            k.pose(part.v, part.follow, rotation, self._pivot, shift)
            if part.lit:
                k.vertex_normals(part.v, part.tri, part.weld, part.normal)
            k.light_vertices(
                part.v, part.normal, part.colours, self._lamps, _AMBIENT, camera, part.lit,
                part.light,
            )  # fmt: skip
            k.project_points(
                part.v, c.centre, (c.px + 0.5) * ss - 0.5, (c.py + 0.5) * ss - 0.5, c.scale * ss,
                c.distance, part.p,
            )  # fmt: skip
        box = self._box()
        last, self._last = self._last, box
        x0, y0 = min(box[0], last[0]), min(box[2], last[2])
        x1, y1 = max(box[1], last[1]), max(box[3], last[3])
        self._canvas[y0 * ss : y1 * ss, x0 * ss : x1 * ss] = 0
        self._nearest[y0 * ss : y1 * ss, x0 * ss : x1 * ss] = 0
        for part in self._parts:
            k.draw_mesh(
                self._canvas, self._nearest, part.p, part.tri, part.uv, part.light,
                part.texture, self._linear, part.cutoff, part.blend,
            )  # fmt: skip
        k.resolve(
            self._canvas, self._backdrop, self._linear, self._srgb, ss, (x0, x1, y0, y1),
            self._frame,
        )  # fmt: skip
        return self._frame

    def _box(self) -> tuple[int, int, int, int]:
        """Columns and rows of the picture that the projected parts reach, end exclusive."""
        low, high = np.array([np.inf, np.inf]), np.array([-np.inf, -np.inf])
        for part in self._parts:
            seen = part.p[part.p[:, 2] > 0, :2]
            if len(seen):
                low, high = np.minimum(low, seen.min(0)), np.maximum(high, seen.max(0))
        if not np.isfinite(low).all():
            return 0, 0, 0, 0
        x0, y0 = (int(v) for v in np.clip(low // SUPERSAMPLING - 1, 0, self._size))
        x1, y1 = (int(v) for v in np.clip(high // SUPERSAMPLING + 2, 0, self._size))
        return x0, x1, y0, y1
