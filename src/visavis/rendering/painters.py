"""The painter that a replica needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import FaceState
from visavis.rendering.contract import FacePainter
from visavis.rendering.mesh_painter import MeshPainter
from visavis.rendering.painter import PortraitPainter
from visavis.rendering.splat_painter import SplatPainter
from visavis.replicas.bundle import Replica
from visavis.replicas.errors import ReplicaError


class LaterPainter:
    """A painter that is opened for its first picture, in the thread that paints it.

    Args:
        replica: As for :func:`open_painter`.
        size: As for :func:`open_painter`.
    """

    def __init__(self, replica: Replica, size: tuple[int, int]) -> None:
        self._replica = replica
        self._size = size
        self._painter: FacePainter | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures in pixels."""
        return self._size

    def paint(self, state: FaceState) -> NDArray[np.uint8]:
        """Draw the state: uint8 RGB ``(height, width, 3)``, valid until the next call."""
        if self._painter is None:
            self._painter = open_painter(self._replica, self._size)
        return self._painter.paint(state)


def open_painter(replica: Replica, size: tuple[int, int] = (1280, 720)) -> FacePainter:
    """A painter for a replica by its kind.

    Args:
        replica: A bundle.
        size: Width and height of the pictures, at least 64 x 64.

    Raises:
        ReplicaError: No painter draws this kind.
        ValueError: The size is too small.
    """
    match replica.manifest.kind:
        case "portrait":
            return PortraitPainter(replica, size)
        case "mesh":
            return MeshPainter(replica, size)
        case "splat":
            return SplatPainter(replica, size)
        case kind:
            raise ReplicaError(f"replicas of kind {kind!r} cannot be drawn yet")
