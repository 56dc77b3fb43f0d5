"""The painter that a replica needs."""

from __future__ import annotations

from visavis.rendering.contract import FacePainter
from visavis.rendering.mesh_painter import MeshPainter
from visavis.rendering.painter import PortraitPainter
from visavis.rendering.splat_painter import SplatPainter
from visavis.replicas.bundle import Replica
from visavis.replicas.errors import ReplicaError


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
