"""Draw a splat replica on one CPU core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import FaceState
from visavis.rendering import splat_kernels as k
from visavis.rendering import stage
from visavis.rendering.morphs import pack_morphs
from visavis.replicas.bundle import Replica
from visavis.replicas.splat import SplatModel

Image = NDArray[np.uint8]


class SplatPainter:
    """A :class:`visavis.rendering.contract.FacePainter` for replicas of kind ``splat``.

    Every Gaussian moves with its vertex and turns with the head; its shape does not change with
    the expression, as in LAM's own viewer.

    Args:
        replica: A bundle of kind ``splat``.
        size: Width and height of the pictures, at least 64 x 64.
    """

    def __init__(self, replica: Replica, size: tuple[int, int] = (1280, 720)) -> None:
        stage.check_size(size)
        self._size = size
        model: SplatModel = replica.splat()
        self._unit = model.mesh.unit
        part = model.mesh.parts[0]
        # what is always faint is never drawn
        seen = model.opacities >= k.FAINT
        self._rest = np.ascontiguousarray(model.positions[seen])
        self._covariances = np.ascontiguousarray(model.covariances[seen])
        self._colours = np.ascontiguousarray(model.colours[seen])
        self._opacities = np.ascontiguousarray(model.opacities[seen])
        self._follow = np.ascontiguousarray(part.head[seen])
        self._morphs = pack_morphs({n: d[seen] for n, d in part.morphs.items()})
        self._pivot = model.mesh.pivot.astype(np.float32)
        self._camera = stage.head_camera(model.mesh.pupils, size)
        self._v = self._rest.copy()
        self._table = k.exp_table()
        self._p = np.zeros((len(self._rest), 6), np.float32)
        self._backdrop = stage.backdrop(size)
        self._canvas = np.zeros((size[1], size[0], 4), np.float32)
        self._full = np.zeros((size[1], -(-size[0] // k.BLOCK)), np.int32)
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
        np.copyto(self._v, self._rest)
        self._morphs.add(self._v, arkit)
        c = self._camera
        k.project_splats(
            self._v, self._covariances, self._follow, rotation, self._pivot, shift,
            c.centre, c.px, c.py, c.scale, c.distance, self._p,
        )  # fmt: skip
        order = np.argsort(self._p[:, 2], kind="stable")
        box = k.reach_of_splats(self._p, self._opacities, *self._size)
        k.clear(self._canvas, self._full, box)
        k.blend_splats(
            self._p, self._colours, self._opacities, order, self._table, self._canvas, self._full
        )
        # where the last picture had the head and this one has not, the backdrop comes back
        x0, x1, y0, y1 = self._last
        self._frame[y0:y1, x0:x1] = self._backdrop[y0:y1, x0:x1]
        self._last = box
        k.resolve(self._canvas, self._backdrop, box, self._frame)
        return self._frame
