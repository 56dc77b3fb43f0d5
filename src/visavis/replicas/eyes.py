"""Eyeballs behind the lids: white, iris and glint taken apart, so that the iris can move.

The portrait shows only what lies between the lids. The white under the iris and beyond the lids
is continued smoothly, the hidden part of the iris from the visible one by symmetry, and the glint
of the lamp, which stays where it is when the eye turns, becomes a layer of light of its own.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.replicas.plates import fill
from visavis.replicas.rig import Camera, Layer

Array = NDArray[np.float64]

#: Human eyeball radius over the distance between the pupils (12 mm over 63 mm).
EYE_RADIUS = 0.19


def _grid(nx: int, ny: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Texture coordinates and triangles of a regular grid."""
    u, v = np.meshgrid(np.linspace(0, 1, nx), np.linspace(0, 1, ny))
    q = np.arange(nx * ny).reshape(ny, nx)
    a, b, c, d = q[:-1, :-1], q[:-1, 1:], q[1:, :-1], q[1:, 1:]
    tri = np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]
    )
    return np.stack([u.ravel(), v.ravel()], 1).astype(np.float32), tri.astype(np.int32)


def grid_layer(
    name: str, box: tuple[float, float, float, float], size: tuple[int, int], z: Array | float
) -> Layer:
    """A grid over ``box`` (left, top, right, bottom in rig units) with depth ``z`` per vertex."""
    uv, tri = _grid(*size)
    left, top, right, bottom = box
    x = left + uv[:, 0] * (right - left)
    y = top + uv[:, 1] * (bottom - top)
    positions = np.stack([x, y, np.broadcast_to(z, x.shape)], 1).astype(np.float32)
    return Layer(name, positions, uv, tri, texture="")


def _radial_profile(values: Array, r: Array, use: NDArray[np.bool_], bins: int) -> Array:
    """Median colour at each radius 0..1, smoothed."""
    profile = np.zeros((bins, 3))
    last = np.median(values[use], 0) if use.any() else np.full(3, 60.0)
    for k in range(bins):
        ring = use & (r >= k / bins) & (r < (k + 1) / bins)
        last = np.median(values[ring], 0) if ring.sum() > 4 else last
        profile[k] = last
    return np.asarray(cv2.GaussianBlur(profile[None], (0, 0), 1.0)[0])


def _bright_part(colours: Array) -> Array:
    """Mean of the colours between the 60th and 95th percentile of brightness, ``(3,)``."""
    level = colours.mean(1)
    low, high = np.percentile(level, [60, 95])
    return np.asarray(colours[(level >= low) & (level <= high)].mean(0))


def refine_iris(
    image: NDArray[np.uint8], aperture: Array, centre: Array, radius: float
) -> tuple[Array, float]:
    """Centre and radius of the iris, from where it turns into white on both sides.

    The landmark model is off by a tenth of the radius now and then, and what is left of an iris
    on the white stays behind when the eye turns.
    """
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), radius / 12)
    mask = np.zeros(gray.shape, np.uint8)
    cv2.fillPoly(mask, [np.round(aperture).astype(np.int32)], 1)
    r = np.linspace(0.7, 1.4, 57)
    edges = []
    for side in (0.0, np.pi):
        slopes = np.zeros(len(r))
        seen = 0
        for angle in np.radians(np.linspace(-28, 40, 18)):  # the upper lid shades the upper part
            a = angle if side == 0 else np.pi - angle
            x = (centre[0] + r * radius * np.cos(a)).astype(np.float32)
            y = (centre[1] + r * radius * np.sin(a)).astype(np.float32)
            inside = cv2.remap(mask, x[None], y[None], cv2.INTER_NEAREST)[0]
            if inside.mean() < 0.8:
                continue
            line = cv2.remap(gray, x[None], y[None], cv2.INTER_LINEAR)[0].astype(float)
            slopes += np.gradient(line)
            seen += 1
        weight = np.exp(-(((r - 1.05) / 0.2) ** 2))  # the landmarks are not far off
        edges.append(r[int(np.argmax(slopes * weight))] if seen >= 3 else 1.0)
    right, left = edges
    shifted = centre + np.array([(right - left) / 2 * radius, 0.0])
    return shifted, float((right + left) / 2 * radius)


def eye_layers(
    image: NDArray[np.uint8],
    aperture: Array,
    iris: tuple[float, float, float],
    camera: Camera,
    depth: float,
    side: str,
) -> tuple[list[Layer], dict[str, NDArray[np.uint8]]]:
    """Layers and textures of one eye.

    Args:
        image: uint8 RGB portrait.
        aperture: ``(n, 2)`` outline between the lids, pixels.
        iris: Centre x, y and radius, pixels.
        camera: Pixels to rig.
        depth: z of the eye's surface, rig units.
        side: ``right`` or ``left``.
    """
    centre, radius = np.array(iris[:2]), iris[2]
    pad = radius * 1.1
    x0, y0 = (np.minimum(aperture.min(0), centre - radius) - pad).astype(int)
    x1, y1 = (np.maximum(aperture.max(0), centre + radius) + pad).astype(int) + 1
    crop = image[y0:y1, x0:x1].astype(np.float64)
    h, w = crop.shape[:2]
    mask = np.zeros((h, w), np.uint8)
    outline = np.round((aperture - (x0, y0)) * 16).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, 4)
    visible = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))) > 200
    # The outline is not exact, and lashes and wet rims lie along it: trust what is further in.
    rim = 2 * max(1, round(0.13 * radius)) + 1
    inside = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim))) > 200
    yy, xx = np.mgrid[0:h, 0:w]
    c = centre - (x0, y0)
    r = np.hypot(xx - c[0], yy - c[1]) / radius

    # The white: everything visible that is not iris, continued under it and under the lids.
    seen = inside & (r > 1.2)
    base = fill(crop, cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 0.7) * seen)
    # Little of it shows, half of that in the corners, which are red or dark: what the turning eye
    # uncovers takes the colour of the bright part.
    sclera = _bright_part(crop[seen]) if seen.sum() > 8 else np.full(3, 165.0)
    white = base * 0.35 + sclera * 0.65
    # lids throw a shadow on what lies under them
    open_ = cv2.GaussianBlur(visible.astype(np.float32), (0, 0), 0.22 * radius)[..., None]
    white = white * (0.62 + 0.38 * np.clip((open_ - 0.4) * 2, 0, 1))
    shown = (visible & (r > 1.35)).astype(np.float32)
    shown = np.minimum(cv2.GaussianBlur(shown, (0, 0), 0.05 * radius), shown)[..., None]
    white = crop * shown + white * (1 - shown)

    # The iris: profile over the radius, its visible texture, mirrored where a lid covers it.
    level = np.abs(yy - c[1]) < 0.5 * np.maximum(
        r * radius, 1e-6
    )  # beside the pupil no lid reaches
    profile = _radial_profile(crop, r / 1.1, inside & level & (r < 1.1), 22)
    ideal = profile[np.clip((r / 1.1 * 22).astype(int), 0, 21)]
    ideal = cv2.GaussianBlur(ideal, (0, 0), 0.8)
    over = (crop - ideal).mean(2)
    glint_mask = cv2.GaussianBlur(
        ((over > 28) & inside & (r < 0.92)).astype(np.float32), (0, 0), 1.2
    )
    glint_mask = np.clip(glint_mask * 2.5, 0, 1)[..., None]
    clear = crop * (1 - glint_mask) + np.minimum(crop, ideal + 4) * glint_mask
    glint = np.clip(crop - clear, 0, 255) * inside[..., None]
    alpha = np.clip((1.06 - r) / 0.14, 0, 1)[..., None]
    solved = np.clip((clear - (1 - alpha) * white) / np.maximum(alpha, 0.25), 0, 255)
    mx = xx.astype(np.float32)
    my = (2 * c[1] - yy).astype(np.float32)
    mirrored = cv2.remap(solved, mx, my, cv2.INTER_LINEAR)
    usable = cv2.remap(inside.astype(np.float32), mx, my, cv2.INTER_LINEAR)
    usable = cv2.GaussianBlur(np.clip(usable, 0, 1), (0, 0), 1.0)[..., None]
    guess = mirrored * usable + ideal * (1 - usable)
    keep = cv2.GaussianBlur((inside | (visible & level)).astype(np.float32), (0, 0), 1.0)[..., None]
    iris_rgb = solved * keep + guess * (1 - keep)

    textures = {
        f"textures/eye_{side}_white.png": np.clip(white, 0, 255).astype(np.uint8),
        f"textures/eye_{side}_iris.png": np.dstack([np.clip(iris_rgb, 0, 255), alpha * 255]).astype(
            np.uint8
        ),
        f"textures/eye_{side}_glint.png": np.clip(glint, 0, 255).astype(np.uint8),
    }
    corners = camera.to_rig(np.array([[x0 - 0.5, y0 - 0.5], [x1 - 0.5, y1 - 0.5]], float))
    box = (corners[0, 0], corners[0, 1], corners[1, 0], corners[1, 1])
    layers = []
    eye = camera.to_rig(centre[None])[0]
    for part in ("white", "iris", "glint"):
        layer = grid_layer(f"eye_{side}_{part}", box, (13, 9), depth)
        layer.texture = f"textures/eye_{side}_{part}.png"
        off = layer.positions[:, :2] - eye.astype(np.float32)
        d2 = np.minimum((off**2).sum(1), EYE_RADIUS**2 * 0.9)
        if part == "iris":
            layer.positions[:, 2] += np.sqrt(EYE_RADIUS**2 - d2) - EYE_RADIUS
        elif part == "glint":
            layer.blend = "add"
        layers.append(layer)
    return layers, textures
