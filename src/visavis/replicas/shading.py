"""How skin brightens and darkens as a face changes shape.

A warped picture keeps the light of its neutral face: a smile without the fold beside the nose
looks pasted on. For each expression this gives every vertex the change of its brightness, a
difference that leaves whose face it is alone, from two sources:

* *learned*: what the corners, width and opening of the mouth do to the skin around it, learned
  from a population of portraits (``scripts/learn_shading.py``, ``data/shading.npz``);
* *geometry*: for what portraits do not show (a jaw that drops, brows that rise, lips that push
  forward) the ratio of the light on the moved and on the resting surface, with the light estimated
  from the portrait itself (the expression ratio image of Liu, Shan & Zhang 2001, of one light).
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from visavis.replicas import topology as topo
from visavis.replicas.control import ControlMesh
from visavis.replicas.expressions import basis_rest

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

#: Resolution of the learned maps.
SIZE = 128
#: What of a mouth's shape the learned maps follow.
FEATURES = ("width", "corner", "gap", "lift")
#: Expressions whose look is learned; the others get the geometry's.
LEARNED = ("mouthSmile", "mouthDimple", "mouthStretch", "mouthUpperUp", "mouthFrown")
#: Largest changes, log of display brightness, of one expression at full strength. Folds darken
#: more than raised skin shines.
LIMITS = (-0.35, 0.14)
#: Part of the geometry's change that is used: light comes from all sides and skin lets it through.
SOFTNESS = 0.6
#: Display brightness is light to this power.
GAMMA = 1 / 2.2


@cache
def canonical() -> Array:
    """Where the 468 points lie on the learned maps, ``(468, 2)``, 0..1, y down."""
    rest = basis_rest()[:, :2]
    low, high = rest.min(0), rest.max(0)
    span = float((high - low).max()) * 1.04
    flipped = (rest - (low + high) / 2) * (1, -1)
    return np.asarray(flipped / span + 0.5)


def measure(points: Array) -> Array:
    """The :data:`FEATURES` of faces ``(…, 468, 3)`` (y up): ``(…, 4)`` in the points' unit.

    Width between the corners, height of the corners over the middle of the upper lip, gap between
    the lips, height of the upper lip under the nose.
    """
    p = points
    corner = (p[..., 61, 1] + p[..., 291, 1]) / 2
    return np.stack(
        [
            p[..., 291, 0] - p[..., 61, 0],
            corner - p[..., 0, 1],
            p[..., 13, 1] - p[..., 14, 1],
            p[..., 0, 1] - p[..., 2, 1],
        ],
        -1,
    )


@cache
def _maps() -> Array:
    """The learned maps, ``(features, SIZE, SIZE)``, lower face only, fading at its rim."""
    source = resources.files("visavis.replicas") / "data" / "shading.npz"
    with resources.as_file(source) as path, np.load(path) as z:
        maps, inside = z["maps"].astype(float), z["inside"]
    # Over the cheekbones glasses and lids would be learned along.
    height = canonical()
    top, bottom = height[topo.NOSE_BRIDGE, 1], height[2, 1]
    level = (np.arange(SIZE) + 0.5) / SIZE
    fade = np.clip((level - (0.55 * top + 0.45 * bottom)) / (0.25 * (bottom - top)), 0, 1)
    soft = gaussian_filter(inside.astype(float), 2.5)
    rim = np.clip((soft - 0.5) * 2, 0, 1) * (fade * fade * (3 - 2 * fade))[:, None]
    blurred = gaussian_filter(maps * inside, (0, 1.2, 1.2)) / np.maximum(
        gaussian_filter(inside.astype(float), 1.2), 0.2
    )
    return np.asarray(blurred * rim)


def _learned(control: ControlMesh, unit: float, deltas: dict[str, Array]) -> dict[str, Array]:
    """Learned changes by ARKit name, ``(N,)``; those of one side stay on that side."""
    points = control.points[:468] * (1, -1, -1) / unit
    at = np.zeros((len(control.points), 2))
    at[:468] = canonical()
    share = np.zeros(len(control.points))
    share[:468] = 1.0
    weight = np.asarray(control.refine @ share)
    where = np.asarray(control.refine @ at) / np.maximum(weight, 1e-6)[:, None]
    pixels = (where * SIZE - 0.5).T[::-1]
    values = np.stack([map_coordinates(m, pixels, order=1) for m in _maps()])
    values *= np.clip(weight * 3 - 2, 0, 1)
    # the face's own left is on the picture's right
    left = np.clip((where[:, 0] - 0.5) / 0.12 + 0.5, 0, 1)
    coarse = _control_rows(control)
    out = {}
    for base in LEARNED:
        both = deltas[f"{base}Left"][coarse] + deltas[f"{base}Right"][coarse]
        moved = points + both * (1, -1, -1) / unit
        change = (measure(moved) - measure(points)) @ values
        out[f"{base}Left"], out[f"{base}Right"] = change * left, change * (1 - left)
    return out


def _control_rows(control: ControlMesh) -> NDArray[np.intp]:
    """The drawn vertex each of the 468 points became."""
    return np.asarray(np.argmax(control.refine[:, :468].toarray(), axis=0))


def _normals(positions: Array, triangles: NDArray[np.integer]) -> Array:
    """Unit normals towards the viewer, ``(N, 3)``; pixels with depth growing away."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    face *= np.where(face[:, 2:] > 0, -1.0, 1.0)
    out = np.zeros_like(positions)
    for i in range(3):
        np.add.at(out, triangles[:, i], face)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9))


class _Light:
    """One distant light and a bright room, fitted to the portrait's own skin."""

    def __init__(self, image: NDArray[np.uint8], pixels: Array, normals: Array) -> None:
        x = np.clip(pixels[:, 0].round().astype(int), 0, image.shape[1] - 1)
        y = np.clip(pixels[:, 1].round().astype(int), 0, image.shape[0] - 1)
        light = (image[y, x].astype(float).mean(1) / 255) ** (1 / GAMMA)
        design = np.c_[np.ones(len(normals)), normals]
        weight = np.ones(len(normals))
        for _ in range(5):  # brows, lips, shine and beard are not the light: Tukey's weights
            w = design * weight[:, None]
            self._fit = np.linalg.solve(
                w.T @ design + np.diag([0, 1, 1, 1]) * 0.02 * len(normals), w.T @ light
            )
            off = np.abs(light - design @ self._fit)
            scale = 4.7 * max(float(np.median(off)), 1e-3)
            weight = np.clip(1 - (off / scale) ** 2, 0, 1) ** 2

    def __call__(self, normals: Array) -> Array:
        shade = self._fit[0] + normals @ self._fit[1:]
        return np.asarray(np.maximum(shade, 0.25 * max(float(np.median(shade)), 1e-3)))


def shading_basis(
    image: NDArray[np.uint8], control: ControlMesh, unit: float, deltas: dict[str, Array]
) -> dict[str, Floats]:
    """Change of log display brightness of each drawn vertex by ARKit name, ``(N,)`` each.

    Args:
        image: uint8 RGB portrait.
        control: Its control mesh.
        unit: Distance between the pupils, pixels.
        deltas: The expressions of :func:`visavis.replicas.expressions.expression_basis`.
    """
    pixels = np.asarray(control.refine @ control.points)
    skin = control.fine[control.is_face]
    used = np.unique(skin)
    rest = _normals(pixels, skin)
    light = _Light(image, pixels[used], rest[used])
    share = np.zeros(len(control.points))
    share[:468] = 1.0
    share[list(topo.FACE_OVAL)] = 0.0  # fade before the rim, where the rings begin
    keep = np.asarray(control.refine @ share)
    for eye in (topo.RIGHT_EYE, topo.LEFT_EYE):
        lids = [v for row in eye.values() for v in row]
        far = np.linalg.norm(pixels[:, None, :2] - control.points[None, lids, :2], axis=2).min(1)
        keep *= np.clip(far / (0.12 * unit), 0, 1)
    out = _learned(control, unit, deltas)
    still = light(rest)
    for name, delta in deltas.items():
        if name in out or name.startswith("eye"):
            continue
        ratio = np.log(light(_normals(pixels + delta, skin)) / still)
        out[name] = _even(ratio * GAMMA * SOFTNESS * keep, skin)
    return {n: np.clip(g, *LIMITS).astype(np.float32) for n, g in out.items()}


def _even(values: Array, triangles: NDArray[np.integer], times: int = 4) -> Array:
    """Values smoothed over the mesh."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    count = np.zeros(len(values))
    np.add.at(count, edges[:, 0], 1)
    np.add.at(count, edges[:, 1], 1)
    for _ in range(times):
        total = np.zeros(len(values))
        np.add.at(total, edges[:, 0], values[edges[:, 1]])
        np.add.at(total, edges[:, 1], values[edges[:, 0]])
        values = np.where(count > 0, 0.5 * values + 0.5 * total / np.maximum(count, 1), values)
    return values
