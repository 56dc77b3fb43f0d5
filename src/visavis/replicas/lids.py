"""The skin of the upper lid that unrolls when an eye closes.

With the eye open most of the lid is folded away; stretching the little that the portrait shows
smears its shadows over the closed eye. A strip of skin, coloured like the skin around the eye,
fades in over it as the eye closes, and lashes, which point at the viewer while the eye is open and
are hardly seen, hang down from its edge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from visavis.replicas import topology as topo
from visavis.replicas.control import ControlMesh
from visavis.replicas.eyes import _grid
from visavis.replicas.rig import Camera, Floats, Layer

#: Rows of the strip from below the lash line (0) over the crease (1) to the bone under the brow
#: (2), and how opaque its skin is at each.
ROWS = np.array([-0.45, -0.2, 0.0, 0.10, 0.24, 0.42, 0.62, 0.85, 1.1, 1.4, 1.75])
OPACITY = np.array([0.0, 0.0, 0.0, 0.0, 0.55, 0.76, 0.82, 0.84, 0.78, 0.46, 0.0])
#: Lashes of one eye, how far they hang below the lash line and how dark they are at the root.
LASHES, LASH_LENGTH, LASH_OPACITY = 44, 0.34, 0.85
COLUMNS = 13


def _along(points: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points at fractions ``at`` of a polyline's index range."""
    t = np.linspace(0, 1, len(points))
    return np.stack([np.interp(at, t, points[:, i]) for i in range(points.shape[1])], 1)


def _lashes(t: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Opacity of the lashes, ``(len(t), width)``: tapering strokes that fan out to both sides."""
    rng = np.random.default_rng(5)
    x = np.linspace(0, 1, width)
    out = np.zeros((len(t), width))
    for root in np.linspace(0.06, 0.95, LASHES) + rng.normal(0, 0.006, LASHES):
        length = (
            LASH_LENGTH * rng.uniform(0.55, 1.0) * np.sin(np.pi * np.clip(root, 0.1, 0.9)) ** 0.5
        )
        along = np.clip((0.05 - t) / length, 0, 1)  # 0 at the root, 1 at the tip
        bend = (root - 0.5) * 0.10 * along**1.6
        thick = 0.0075 * (1 - 0.75 * along)
        near = np.exp(-(((x[None] - root - bend[:, None]) / thick[:, None]) ** 2))
        shown = (1 - along) ** 0.5 * np.clip((0.11 - t) / 0.06, 0, 1)
        out = np.maximum(out, near * shown[:, None])
    line = np.exp(-(((t - 0.02) / 0.05) ** 2))[:, None]  # where they grow it is darkest
    ends = np.clip(np.minimum(x, 1 - x) / 0.08, 0, 1)[None]
    return np.asarray(LASH_OPACITY * np.maximum(out, 0.8 * line) * ends)


def lid_layer(
    image: NDArray[np.uint8],
    control: ControlMesh,
    morphs: dict[str, Floats],
    positions: Floats,
    camera: Camera,
    side: str,
) -> tuple[Layer, NDArray[np.uint8]]:
    """The strip over one upper lid and its RGBA texture.

    Args:
        image: uint8 RGB portrait.
        control: The portrait's control mesh, pixels.
        morphs: The skin's displacements; the strip rides on them.
        positions: The skin's rest positions, rig units.
        camera: Pixels to rig.
        side: ``right`` or ``left``.
    """
    eye = topo.RIGHT_EYE if side == "right" else topo.LEFT_EYE
    p = control.points
    at = np.linspace(0, 1, COLUMNS)
    inner = np.clip((at * 8 - 1) / 6, 0, 1)  # seven-point rows lie between the corners
    lash = _along(p[list(eye["upper"])], at)
    crease = _along(p[list(eye["crease"])], inner)
    bone = _along(p[list(eye["orbit"])], inner)
    # towards the corners the rows run together
    ends = np.clip(np.minimum(at, 1 - at) * 8, 0, 1)[:, None]
    crease = lash + (crease - lash) * ends
    bone = lash + (bone - lash) * ends
    grid = np.stack(
        [lash + (crease - lash) * min(t, 1) + (bone - crease) * max(0, t - 1) for t in ROWS]
    ).reshape(-1, 3)
    uv, tri = _grid(COLUMNS, len(ROWS))
    name = f"lid_{side}"
    skin = control.refine @ control.points
    # Lashes hang from the lid's edge, over the eye and the lower lid: they ride on the edge.
    held = grid.reshape(len(ROWS), COLUMNS, 3).copy()
    held[ROWS < 0] = held[ROWS == 0.0]
    far, near = cKDTree(skin[:, :2]).query(held.reshape(-1, 3)[:, :2], k=3)
    weight = 1 / (far + 0.5)
    weight /= weight.sum(1, keepdims=True)
    ride = {
        n: np.asarray((d[near] * weight[..., None]).sum(1), np.float32) for n, d in morphs.items()
    }
    place = np.asarray((positions[near] * weight[..., None]).sum(1), np.float32)
    place[:, :2] = camera.to_rig(grid[:, :2])

    # Colour: the skin under the eye, which has the same light, towards that of the brow bone.
    soft = cv2.GaussianBlur(image, (0, 0), camera.scale / 40)

    def skin_at(q: NDArray[np.float64]) -> NDArray[np.float32]:
        x = np.clip(np.round(q[:, 0]).astype(int), 0, image.shape[1] - 1)
        y = np.clip(np.round(q[:, 1]).astype(int), 0, image.shape[0] - 1)
        row = soft[y, x].astype(np.float32)
        return np.asarray(cv2.GaussianBlur(row[None], (0, 0), 2.0)[0], np.float32)

    low = _along(p[list(eye["lower"])], at)
    under = _along(p[list(eye["under"])], inner)
    below = skin_at(under + (under - low) * 0.9)
    above = skin_at(bone)
    h, w = 96, 192
    t = np.interp(np.linspace(0, 1, h), np.linspace(0, 1, len(ROWS)), ROWS)
    mix = np.clip((t - 0.3) / 1.4, 0, 1)[:, None, None]
    wide = [cv2.resize(c[None], (w, 1), interpolation=cv2.INTER_LINEAR) for c in (below, above)]
    colour = wide[0] * (1 - mix) + wide[1] * mix
    # a lid is a sphere: lighter along its middle, darker into the crease and at the lashes
    round_ = 0.95 + 0.06 * np.exp(-(((t - 0.5) / 0.33) ** 2)) - 0.05 * np.exp(-((t / 0.15) ** 2))
    colour = colour * round_[:, None, None]
    noise = np.random.default_rng(1).normal(0, 1.0, (h, w, 1))
    fine = image.astype(np.float32) - soft
    cheek = p[50 if side == "right" else 280].astype(int)
    patch = fine[cheek[1] - 12 : cheek[1] + 12, cheek[0] - 12 : cheek[0] + 12]
    colour = colour + cv2.GaussianBlur(noise, (0, 0), 0.7)[..., None] * float(patch.std()) * 1.5
    fade = np.clip((t[-1] - t) / 0.25, 0, 1)[:, None]
    across = np.interp(np.linspace(0, 1, w), [0, 0.06, 0.14, 0.86, 0.94, 1], [0, 0.5, 1, 1, 0.5, 0])
    opacity = np.interp(t, ROWS, OPACITY)[:, None] * across[None] * fade
    hair = _lashes(t, w)[..., None]
    dark = np.percentile(image[lash[:, 1].astype(int), lash[:, 0].astype(int)].mean(1), 20)
    brown = np.array([1.1, 0.95, 0.9]) * min(float(dark), 60.0)
    total = opacity[..., None] * (1 - hair) + hair
    colour = (colour * opacity[..., None] * (1 - hair) + brown * hair) / np.maximum(total, 1e-3)
    texture = np.dstack([np.clip(colour, 0, 255), total * 255]).astype(np.uint8)
    layer = Layer(
        name,
        place,
        uv,
        tri,
        texture=f"textures/{name}.png",
        morphs=ride,
        opacity_from=f"eyeBlink{side.capitalize()}",
    )
    return layer, texture
