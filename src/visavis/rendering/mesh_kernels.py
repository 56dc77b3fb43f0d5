# mypy: disable-error-code="untyped-decorator"
"""The inner loops of the mesh painter: compiled, single-threaded, without the GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": True, "error_model": "numpy"}

#: Steps of the tables between linear light (0..1) and sRGB.
LIGHT_STEPS = 4096


def light_tables() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """sRGB byte to linear light ``(256,)``, and linear light in steps to sRGB byte (IEC 61966)."""
    s = np.arange(256) / 255
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    x = np.arange(LIGHT_STEPS + 1) / LIGHT_STEPS
    srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return linear.astype(np.float32), np.round(srgb * 255).astype(np.uint8)


@njit(**_OPTIONS)
def turn_eyes(
    v: NDArray[np.float32],
    eye: NDArray[np.int8],
    rotation: NDArray[np.float32],
    centres: NDArray[np.float32],
) -> None:
    """Rotate the vertices of the eyeballs about their centres, in place."""
    for i in range(v.shape[0]):
        if eye[i] == 0:
            continue
        c = eye[i] - 1
        x, y, z = v[i, 0] - centres[c, 0], v[i, 1] - centres[c, 1], v[i, 2] - centres[c, 2]
        for k in range(3):
            v[i, k] = centres[c, k] + rotation[k, 0] * x + rotation[k, 1] * y + rotation[k, 2] * z


@njit(**_OPTIONS)
def pose(
    v: NDArray[np.float32],
    follow: NDArray[np.float32],
    rotation: NDArray[np.float32],
    pivot: NDArray[np.float32],
    shift: NDArray[np.float32],
) -> None:
    """Head motion, in place."""
    for i in range(v.shape[0]):
        f = follow[i]
        x, y, z = v[i, 0] - pivot[0], v[i, 1] - pivot[1], v[i, 2] - pivot[2]
        for k in range(3):
            here = x if k == 0 else (y if k == 1 else z)
            there = rotation[k, 0] * x + rotation[k, 1] * y + rotation[k, 2] * z + shift[k]
            v[i, k] = pivot[k] + here + f * (there - here)


@njit(**_OPTIONS)
def vertex_normals(
    v: NDArray[np.float32],
    tri: NDArray[np.int32],
    weld: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    """Area-weighted normals; vertices that are one point at rest (``weld``) share theirs."""
    out[:] = 0
    for t in range(tri.shape[0]):
        a, b, c = tri[t, 0], tri[t, 1], tri[t, 2]
        ux, uy, uz = v[b, 0] - v[a, 0], v[b, 1] - v[a, 1], v[b, 2] - v[a, 2]
        wx, wy, wz = v[c, 0] - v[a, 0], v[c, 1] - v[a, 1], v[c, 2] - v[a, 2]
        nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for k in range(3):
            i = weld[tri[t, k]]
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(v.shape[0]):
        j = weld[i]
        if j == i:
            length = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-30
            for k in range(3):
                out[i, k] /= length
    for i in range(v.shape[0]):
        j = weld[i]
        if j != i:
            for k in range(3):
                out[i, k] = out[j, k]


@njit(**_OPTIONS)
def light_vertices(
    v: NDArray[np.float32],
    normal: NDArray[np.float32],
    colour: NDArray[np.float32],
    lamps: NDArray[np.float32],
    ambient: NDArray[np.float32],
    eye: NDArray[np.float32],
    lit: bool,
    out: NDArray[np.float32],
) -> None:
    """Light that each vertex sends to the camera: ``out`` ``(n, 7)``.

    Diffuse RGB (times the vertex colour), alpha, then highlight RGB.

    Args:
        lamps: ``(m, 7)``: direction towards the lamp, RGB, softness 0..1 (how far light wraps).
        ambient: ``(2, 3)`` RGB from above and from below.
        eye: Place of the camera.
    """
    for i in range(v.shape[0]):
        out[i, 3] = colour[i, 3]
        if not lit:
            for k in range(3):
                out[i, k] = colour[i, k]
                out[i, 4 + k] = 0.0
            continue
        nx, ny, nz = normal[i, 0], normal[i, 1], normal[i, 2]
        ex, ey, ez = eye[0] - v[i, 0], eye[1] - v[i, 1], eye[2] - v[i, 2]
        length = np.sqrt(ex * ex + ey * ey + ez * ez)
        ex, ey, ez = ex / length, ey / length, ez / length
        if nx * ex + ny * ey + nz * ez < 0:  # seen from behind
            nx, ny, nz = -nx, -ny, -nz
        up = 0.5 + 0.5 * ny
        for k in range(3):
            out[i, k] = ambient[0, k] * up + ambient[1, k] * (1.0 - up)
            out[i, 4 + k] = 0.0
        for m in range(lamps.shape[0]):
            lx, ly, lz, wrap = lamps[m, 0], lamps[m, 1], lamps[m, 2], lamps[m, 6]
            facing = (nx * lx + ny * ly + nz * lz + wrap) / (1.0 + wrap)
            if facing <= 0:
                continue
            hx, hy, hz = lx + ex, ly + ey, lz + ez
            near = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz)
            shine = 0.06 * max(near, 0.0) ** 24
            for k in range(3):
                out[i, k] += facing * lamps[m, 3 + k]
                out[i, 4 + k] += facing * shine * lamps[m, 3 + k]
        for k in range(3):
            out[i, k] *= colour[i, k]


@njit(**_OPTIONS)
def project_points(
    v: NDArray[np.float32],
    centre: NDArray[np.float32],
    px: float,
    py: float,
    scale: float,
    distance: float,
    out: NDArray[np.float32],
) -> None:
    """``out`` gets x, y in the picture and one over the depth; 0 for what is behind the camera."""
    for i in range(v.shape[0]):
        depth = distance - (v[i, 2] - centre[2])
        if depth < 0.05 * distance:
            out[i, 2] = 0.0
            continue
        k = scale * distance / depth
        out[i, 0] = px + k * (v[i, 0] - centre[0])
        out[i, 1] = py - k * (v[i, 1] - centre[1])
        out[i, 2] = 1.0 / depth


@njit(**_OPTIONS)
def draw_mesh(
    canvas: NDArray[np.float32],
    nearest: NDArray[np.float32],
    p: NDArray[np.float32],
    tri: NDArray[np.int32],
    uv: NDArray[np.float32],
    light: NDArray[np.float32],
    texture: NDArray[np.uint8],
    linear: NDArray[np.float32],
    cutoff: float,
    blend: bool,
) -> None:
    """Draw triangles with perspective-correct textures and a depth buffer.

    Args:
        canvas: ``(h, w, 4)`` linear RGB, premultiplied, and coverage.
        nearest: ``(h, w)`` one over the depth of what is there; 0 for nothing.
        p: ``(n, 3)`` from :func:`project_points`.
        light: ``(n, 7)`` from :func:`light_vertices`.
        texture: ``(h, w, 4)`` sRGB with alpha, repeated beyond its edges; sampled bilinearly.
        cutoff: Alpha below which nothing is drawn.
        blend: Mix by alpha and leave the depth buffer alone.
    """
    height, width = nearest.shape
    th, tw = texture.shape[:2]
    plain = th == 1 and tw == 1
    value = np.empty(7, np.float32)
    texel = np.empty(4, np.float32)
    one, slack = np.float32(1.0), np.float32(1e-6)
    for t in range(tri.shape[0]):
        a, b, c = tri[t, 0], tri[t, 1], tri[t, 2]
        wa, wb, wc = p[a, 2], p[b, 2], p[c, 2]
        if wa == 0.0 or wb == 0.0 or wc == 0.0:
            continue
        ax, ay, bx, by, cx, cy = p[a, 0], p[a, 1], p[b, 0], p[b, 1], p[c, 0], p[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy))))
        inverse = np.float32(1.0) / area
        # barycentric coordinates g of b and h of c are linear: their steps along a row and column
        gx, gy = (cy - ay) * inverse, -(cx - ax) * inverse
        hx, hy = -(by - ay) * inverse, (bx - ax) * inverse
        fx = -gx - hx
        for y in range(y0, y1 + 1):
            dy = np.float32(y) - ay
            # at column ax; then the columns where none of the three is negative
            g0, h0 = gy * dy, hy * dy
            f0 = one - g0 - h0
            low, high = np.float32(x0), np.float32(x1)
            for start, step in ((f0, fx), (g0, gx), (h0, hx)):
                if step > 0:
                    low = max(low, ax - (start + slack) / step)
                elif step < 0:
                    high = min(high, ax - (start + slack) / step)
                elif start < -slack:
                    high = np.float32(-1)
            for x in range(int(np.ceil(low)), int(np.floor(high)) + 1):
                dx = np.float32(x) - ax
                g, h = g0 + gx * dx, h0 + hx * dx
                f = one - g - h
                w = f * wa + g * wb + h * wc
                if w <= nearest[y, x]:
                    continue
                depth = one / w
                fa, fb, fc = f * wa * depth, g * wb * depth, h * wc * depth
                for k in range(7):
                    value[k] = fa * light[a, k] + fb * light[b, k] + fc * light[c, k]
                alpha = value[3]
                if not plain:
                    u = fa * uv[a, 0] + fb * uv[b, 0] + fc * uv[c, 0]
                    v = fa * uv[a, 1] + fb * uv[b, 1] + fc * uv[c, 1]
                    s = (u - np.floor(u)) * tw - 0.5
                    r = (v - np.floor(v)) * th - 0.5
                    sx, ry = int(np.floor(s)), int(np.floor(r))
                    ds, dr = s - sx, r - ry
                    left, right = sx % tw, (sx + 1) % tw
                    top, low = ry % th, (ry + 1) % th
                    w00, w01 = (1 - ds) * (1 - dr), ds * (1 - dr)
                    w10, w11 = (1 - ds) * dr, ds * dr
                    for k in range(3):
                        texel[k] = (
                            w00 * linear[texture[top, left, k]]
                            + w01 * linear[texture[top, right, k]]
                            + w10 * linear[texture[low, left, k]]
                            + w11 * linear[texture[low, right, k]]
                        )
                        value[k] *= texel[k]
                    alpha *= (
                        w00 * texture[top, left, 3]
                        + w01 * texture[top, right, 3]
                        + w10 * texture[low, left, 3]
                        + w11 * texture[low, right, 3]
                    ) / 255.0
                if alpha < cutoff:
                    continue
                if blend:
                    rest = 1.0 - alpha
                    for k in range(3):
                        canvas[y, x, k] = canvas[y, x, k] * rest + (value[k] * alpha + value[4 + k])
                    canvas[y, x, 3] = canvas[y, x, 3] * rest + alpha
                else:
                    nearest[y, x] = w
                    for k in range(3):
                        canvas[y, x, k] = value[k] + value[4 + k]
                    canvas[y, x, 3] = 1.0


@njit(**_OPTIONS)
def resolve(
    canvas: NDArray[np.float32],
    backdrop: NDArray[np.uint8],
    linear: NDArray[np.float32],
    srgb: NDArray[np.uint8],
    ss: int,
    box: tuple[int, int, int, int],
    out: NDArray[np.uint8],
) -> None:
    """Average ``ss`` x ``ss`` samples in linear light over the backdrop, as sRGB.

    Only inside ``box``: first and last column (exclusive), first and last row.
    """
    share = 1.0 / (ss * ss)
    for y in range(box[2], box[3]):
        for x in range(box[0], box[1]):
            r, g, b, a = 0.0, 0.0, 0.0, 0.0
            for j in range(ss):
                for i in range(ss):
                    yy, xx = y * ss + j, x * ss + i
                    cover = canvas[yy, xx, 3]
                    if cover == 0.0:
                        continue
                    # bright samples are clipped before they are averaged, or edges stay jagged
                    r += min(canvas[yy, xx, 0], 1.0)
                    g += min(canvas[yy, xx, 1], 1.0)
                    b += min(canvas[yy, xx, 2], 1.0)
                    a += cover
            if a == 0.0:
                for k in range(3):
                    out[y, x, k] = backdrop[y, x, k]
                continue
            rest = 1.0 - a * share
            rgb = (r * share, g * share, b * share)
            for k in range(3):
                light = rgb[k] + rest * linear[backdrop[y, x, k]]
                out[y, x, k] = srgb[int(min(max(light, 0.0), 1.0) * LIGHT_STEPS + 0.5)]
