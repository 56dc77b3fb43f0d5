"""What a replica's ``rig.glb`` holds, in memory: layers of textured triangles that can morph.

Everything is in one frame: the origin midway between the pupils, x to the picture's right (the
face's own left), y up, z towards the viewer, one unit the distance between the pupils. The rig is
seen orthographically; ``Camera`` says where the unit square lands in the captured picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

#: The layers every portrait rig has, back to front.
DRAW_ORDER: tuple[str, ...] = (
    "background",
    "body",
    "eye_right_white",
    "eye_right_iris",
    "eye_right_glint",
    "eye_left_white",
    "eye_left_iris",
    "eye_left_glint",
    "mouth_cavity",
    "tongue",
    "teeth_lower",
    "teeth_upper",
    "face",
    "lid_right",
    "lid_left",
)


@dataclass(slots=True)
class Layer:
    """A textured mesh with morph targets.

    Attributes:
        name: One of :data:`DRAW_ORDER`.
        positions: ``(n, 3)`` rig units.
        uv: ``(n, 2)`` texture coordinates, 0..1, origin at the top left (glTF).
        triangles: ``(k, 3)``.
        texture: Path of the texture inside the bundle.
        morphs: ARKit name to displacement ``(n, 3)``.
        shades: ARKit name to change of log display brightness ``(n,)``; see ``shading``.
        attributes: Extra scalars per vertex, ``(n,)`` each, e.g. ``follow`` (0..1, how much the
            vertex goes with the head) and ``opacity``.
        blend: ``over`` or ``add``.
        opacity_from: ARKit name whose coefficient is the layer's opacity; empty for always 1.
    """

    name: str
    positions: Floats
    uv: Floats
    triangles: Ints
    texture: str
    morphs: dict[str, Floats] = field(default_factory=dict)
    shades: dict[str, Floats] = field(default_factory=dict)
    attributes: dict[str, Floats] = field(default_factory=dict)
    blend: str = "over"
    opacity_from: str = ""


@dataclass(frozen=True, slots=True)
class Camera:
    """Rig units to pixels of the captured picture: ``px = origin + (x, -y) * scale``."""

    width: int
    height: int
    origin: tuple[float, float]
    scale: float

    def to_pixels(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Rig ``(n, 2 or 3)`` to pixels ``(n, 2)``."""
        out = np.asarray(positions[:, :2], float) * (self.scale, -self.scale)
        return np.asarray(out + self.origin)

    def to_rig(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels ``(n, 2)``, or ``(n, 3)`` with depth growing away, to rig units."""
        p = np.asarray(pixels, float)
        out = (p[:, :2] - self.origin) / (self.scale, -self.scale)
        return out if p.shape[1] == 2 else np.c_[out, -p[:, 2] / self.scale]


@dataclass(slots=True)
class Rig:
    """All layers and the few numbers a renderer needs besides them.

    Attributes:
        layers: By name. ``body`` and ``face`` share their vertices: same positions, uv, morphs.
        camera: Where the capture was taken from.
        pivot: The point the head turns about, rig units.
        rows: Named polylines of vertex indices of ``face``, picture left to right:
            ``lip_upper``, ``lip_lower``, ``eye_right_upper``, ``eye_right_lower``,
            ``eye_left_upper``, ``eye_left_lower``. Same length within a pair.
        coarse: ``(m, 3)`` triangles over the same vertices, a quarter as many as ``body`` and
            ``face`` together, for renderers that draw the smooth parts at low resolution.
        eye_radius: Radius of the eyeballs, rig units.
    """

    layers: dict[str, Layer]
    camera: Camera
    pivot: tuple[float, float, float]
    rows: dict[str, Ints]
    coarse: Ints
    eye_radius: float
