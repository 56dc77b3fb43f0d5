"""The inner loops of the CPU renderer: compiled, single-threaded, without the GIL.

Pictures are uint8 ``(h, w, channels)``; points are pixels with pixel centres at whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": True, "error_model": "numpy"}

#: Output pixels between two nodes of the coarse coordinate map.
CELL = 4
#: Steps per texture pixel to which the coarse map is rounded; equal nodes mean nothing moved.
STEPS = 64
#: Texture pixels on a side of a tile of the coverage summary.
TILE = 16

CLEAR, SOLID, MIXED = 0, 1, 2


@njit(**_OPTIONS)
def add_morphs(
    out: NDArray[np.float32],
    starts: NDArray[np.int64],
    index: NDArray[np.int32],
    delta: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> None:
    """``out[index] += weight * delta`` for every morph; morph ``k`` owns ``starts[k]:starts[k+1]``."""
    for k in range(weight.shape[0]):
        w = weight[k]
        if w == 0.0:
            continue
        for j in range(starts[k], starts[k + 1]):
            i = index[j]
            out[i, 0] += w * delta[j, 0]
            out[i, 1] += w * delta[j, 1]
            out[i, 2] += w * delta[j, 2]


@njit(**_OPTIONS)
def close_contacts(
    v: NDArray[np.float32],
    upper: NDArray[np.int32],
    lower: NDArray[np.int32],
    play: float,
    share: float,
    near: NDArray[np.int32],
    column: NDArray[np.int32],
    weight: NDArray[np.float32],
) -> float:
    """Keep two edges from passing through each other; returns the widest gap left.

    Columns whose gap is below ``play`` close, wider ones lose ``play``. ``share`` of the
    correction goes to the upper edge. The skin around follows: vertex ``near[k]`` moves with
    column ``column[k]`` by ``weight[k]`` (positive above the opening, negative below).
    """
    n = upper.shape[0]
    fix = np.zeros(n, np.float32)
    widest = 0.0
    for c in range(n):
        gap = v[upper[c], 1] - v[lower[c], 1]
        wanted = gap - play if gap > play else 0.0
        fix[c] = wanted - gap
        widest = max(widest, wanted)
    for k in range(near.shape[0]):
        w = weight[k]
        part = w * share if w > 0 else w * (1.0 - share)
        v[near[k], 1] += part * fix[column[k]]
    return widest


@njit(**_OPTIONS)
def project(
    v: NDArray[np.float32],
    follow: NDArray[np.float32],
    rotation: NDArray[np.float32],
    pivot: NDArray[np.float32],
    shift: NDArray[np.float32],
    scale: float,
    origin_x: float,
    origin_y: float,
    out: NDArray[np.float32],
) -> None:
    """Head motion, then pixels: ``out`` gets x, y in the picture and depth towards the viewer."""
    for i in range(v.shape[0]):
        x = v[i, 0] - pivot[0]
        y = v[i, 1] - pivot[1]
        z = v[i, 2] - pivot[2]
        f = follow[i]
        rx = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z
        ry = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z
        rz = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z
        # coming closer looks larger; about ten units from the camera
        zoom = 1.0 + 0.1 * shift[2]
        px = pivot[0] + x + f * (rx * zoom + shift[0] - x)
        py = pivot[1] + y + f * (ry * zoom + shift[1] - y)
        out[i, 0] = origin_x + px * scale
        out[i, 1] = origin_y - py * scale
        out[i, 2] = pivot[2] + z + f * (rz - z)


@njit(**_OPTIONS)
def coarse_map(
    p: NDArray[np.float32],
    uv: NDArray[np.float32],
    tri: NDArray[np.int32],
    node_u: NDArray[np.int32],
    node_v: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    """For every node of the coarse map the texture pixel seen there, in 1/STEPS pixels."""
    gh, gw = depth.shape
    inv_cell = 1.0 / CELL
    depth[:] = -1e9
    for t in range(tri.shape[0]):
        a = tri[t, 0]
        b = tri[t, 1]
        c = tri[t, 2]
        ax = p[a, 0] * inv_cell
        ay = p[a, 1] * inv_cell
        bx = p[b, 0] * inv_cell
        by = p[b, 1] * inv_cell
        cx = p[c, 0] * inv_cell
        cy = p[c, 1] * inv_cell
        x0 = max(0, int(np.ceil(min(ax, bx, cx) - 1e-4)))
        x1 = min(gw - 1, int(np.floor(max(ax, bx, cx) + 1e-4)))
        y0 = max(0, int(np.ceil(min(ay, by, cy) - 1e-4)))
        y1 = min(gh - 1, int(np.floor(max(ay, by, cy) + 1e-4)))
        if x0 > x1 or y0 > y1:
            continue
        det = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(det) < 1e-9:
            continue
        inv = 1.0 / det
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                w1 = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) * inv
                w2 = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) * inv
                w0 = 1.0 - w1 - w2
                if w0 < -1e-4 or w1 < -1e-4 or w2 < -1e-4:
                    continue
                z = w0 * p[a, 2] + w1 * p[b, 2] + w2 * p[c, 2]
                if z <= depth[y, x]:
                    continue
                depth[y, x] = z
                u = w0 * uv[a, 0] + w1 * uv[b, 0] + w2 * uv[c, 0]
                v = w0 * uv[a, 1] + w1 * uv[b, 1] + w2 * uv[c, 1]
                node_u[y, x] = int(np.floor(u * STEPS + 0.5))
                node_v[y, x] = int(np.floor(v * STEPS + 0.5))


@njit(**_OPTIONS)
def fill_cells(
    frame: NDArray[np.uint8],
    backdrop: NDArray[np.uint8],
    texture: NDArray[np.uint8],
    coverage: NDArray[np.uint8],
    node_u: NDArray[np.int32],
    node_v: NDArray[np.int32],
    last_u: NDArray[np.int32],
    last_v: NDArray[np.int32],
    stale: NDArray[np.uint8],
) -> int:
    """Draw person over backdrop wherever the coarse map changed; returns the cells drawn.

    ``stale`` (per cell) is 1 where something else has been painted over since; it is cleared.
    The texture is RGBA and must leave a border of two pixels around what the map asks for.
    """
    height, width = frame.shape[:2]
    th, tw = texture.shape[:2]
    rows, cols = stale.shape
    max_u = (tw - 2) << 16
    max_v = (th - 2) << 16
    drawn = 0
    up = 16 - 6  # STEPS = 2 ** 6 to 16 fractional bits
    for cy in range(rows):
        y0 = cy * CELL
        y1 = min(y0 + CELL, height)
        for cx in range(cols):
            u00 = node_u[cy, cx]
            u10 = node_u[cy, cx + 1]
            u01 = node_u[cy + 1, cx]
            u11 = node_u[cy + 1, cx + 1]
            v00 = node_v[cy, cx]
            v10 = node_v[cy, cx + 1]
            v01 = node_v[cy + 1, cx]
            v11 = node_v[cy + 1, cx + 1]
            if (
                stale[cy, cx] == 0
                and u00 == last_u[cy, cx]
                and u10 == last_u[cy, cx + 1]
                and u01 == last_u[cy + 1, cx]
                and u11 == last_u[cy + 1, cx + 1]
                and v00 == last_v[cy, cx]
                and v10 == last_v[cy, cx + 1]
                and v01 == last_v[cy + 1, cx]
                and v11 == last_v[cy + 1, cx + 1]
            ):
                continue
            x0 = cx * CELL
            x1 = min(x0 + CELL, width)
            tu = min(max((u00 + u11) // (2 * STEPS), 0), tw - 1)
            tv = min(max((v00 + v11) // (2 * STEPS), 0), th - 1)
            kind = coverage[tv // TILE, tu // TILE]
            if kind == CLEAR:
                # 2: the backdrop is already there
                if stale[cy, cx] != 2:
                    for y in range(y0, y1):
                        for x in range(x0, x1):
                            frame[y, x, 0] = backdrop[y, x, 0]
                            frame[y, x, 1] = backdrop[y, x, 1]
                            frame[y, x, 2] = backdrop[y, x, 2]
                    drawn += 1
                stale[cy, cx] = 0
                continue
            drawn += 1
            stale[cy, cx] = 0
            for y in range(y0, y1):
                k = y - y0
                left_u = (u00 * (CELL - k) + u01 * k) << (up - 2)
                left_v = (v00 * (CELL - k) + v01 * k) << (up - 2)
                du = (((u10 * (CELL - k) + u11 * k) << (up - 2)) - left_u) >> 2
                dv = (((v10 * (CELL - k) + v11 * k) << (up - 2)) - left_v) >> 2
                u = left_u
                v = left_v
                for x in range(x0, x1):
                    uu = min(max(u, 0), max_u)
                    vv = min(max(v, 0), max_v)
                    iu = uu >> 16
                    iv = vv >> 16
                    fu = (uu >> 8) & 255
                    fv = (vv >> 8) & 255
                    w11 = fu * fv
                    w10 = (fu << 8) - w11
                    w01 = (fv << 8) - w11
                    w00 = 65536 - w11 - w10 - w01
                    r = (
                        w00 * texture[iv, iu, 0]
                        + w10 * texture[iv, iu + 1, 0]
                        + w01 * texture[iv + 1, iu, 0]
                        + w11 * texture[iv + 1, iu + 1, 0]
                        + 32768
                    ) >> 16
                    g = (
                        w00 * texture[iv, iu, 1]
                        + w10 * texture[iv, iu + 1, 1]
                        + w01 * texture[iv + 1, iu, 1]
                        + w11 * texture[iv + 1, iu + 1, 1]
                        + 32768
                    ) >> 16
                    b = (
                        w00 * texture[iv, iu, 2]
                        + w10 * texture[iv, iu + 1, 2]
                        + w01 * texture[iv + 1, iu, 2]
                        + w11 * texture[iv + 1, iu + 1, 2]
                        + 32768
                    ) >> 16
                    if kind == MIXED:
                        a = (
                            w00 * texture[iv, iu, 3]
                            + w10 * texture[iv, iu + 1, 3]
                            + w01 * texture[iv + 1, iu, 3]
                            + w11 * texture[iv + 1, iu + 1, 3]
                            + 32768
                        ) >> 16
                        a += a >> 7  # 0..255 to 0..256
                        r = (r * a + backdrop[y, x, 0] * (256 - a) + 128) >> 8
                        g = (g * a + backdrop[y, x, 1] * (256 - a) + 128) >> 8
                        b = (b * a + backdrop[y, x, 2] * (256 - a) + 128) >> 8
                    frame[y, x, 0] = r
                    frame[y, x, 1] = g
                    frame[y, x, 2] = b
                    u += du
                    v += dv
    return drawn


@njit(**_OPTIONS)
def draw_triangles(
    patch: NDArray[np.uint8],
    texture: NDArray[np.uint8],
    p: NDArray[np.float32],
    uv: NDArray[np.float32],
    value: NDArray[np.float32],
    tri: NDArray[np.int32],
    mode: int,
) -> None:
    """Textured triangles into an RGBA patch.

    ``p`` is in patch pixels, ``uv`` in texture pixels. Modes:
    0 replace colour, alpha becomes ``value`` (0..1, interpolated);
    1 blend by texture alpha times ``value`` where the patch is opaque;
    2 add light times ``value`` where the patch is opaque;
    3 blend colour by ``value``, alpha becomes at least ``value``'s.
    """
    height, width = patch.shape[:2]
    th, tw, tc = texture.shape
    for t in range(tri.shape[0]):
        a = tri[t, 0]
        b = tri[t, 1]
        c = tri[t, 2]
        ax = p[a, 0]
        ay = p[a, 1]
        bx = p[b, 0]
        by = p[b, 1]
        cx = p[c, 0]
        cy = p[c, 1]
        det = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(det) < 1e-7:
            continue
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.ceil(max(ay, by, cy))) - 1)
        if y0 > y1:
            continue
        inv = 1.0 / det
        ux = ((uv[b, 0] - uv[a, 0]) * (cy - ay) - (uv[c, 0] - uv[a, 0]) * (by - ay)) * inv
        uy = ((uv[c, 0] - uv[a, 0]) * (bx - ax) - (uv[b, 0] - uv[a, 0]) * (cx - ax)) * inv
        vx = ((uv[b, 1] - uv[a, 1]) * (cy - ay) - (uv[c, 1] - uv[a, 1]) * (by - ay)) * inv
        vy = ((uv[c, 1] - uv[a, 1]) * (bx - ax) - (uv[b, 1] - uv[a, 1]) * (cx - ax)) * inv
        wx = ((value[b] - value[a]) * (cy - ay) - (value[c] - value[a]) * (by - ay)) * inv
        wy = ((value[c] - value[a]) * (bx - ax) - (value[b] - value[a]) * (cx - ax)) * inv
        for y in range(y0, y1 + 1):
            lo = 1e30
            hi = -1e30
            for e in range(3):
                if e == 0:
                    px, py, qx, qy = ax, ay, bx, by
                elif e == 1:
                    px, py, qx, qy = bx, by, cx, cy
                else:
                    px, py, qx, qy = cx, cy, ax, ay
                if (py <= y and qy > y) or (qy <= y and py > y):
                    x = px + (y - py) * (qx - px) / (qy - py)
                    lo = min(lo, x)
                    hi = max(hi, x)
            x0 = max(0, int(np.ceil(lo)))
            x1 = min(width - 1, int(np.ceil(hi)) - 1)
            if x0 > x1:
                continue
            u = uv[a, 0] + ux * (x0 - ax) + uy * (y - ay)
            v = uv[a, 1] + vx * (x0 - ax) + vy * (y - ay)
            w = value[a] + wx * (x0 - ax) + wy * (y - ay)
            for x in range(x0, x1 + 1):
                if (mode == 1 or mode == 2) and patch[y, x, 3] != 255:
                    u += ux
                    v += vx
                    w += wx
                    continue
                uu = min(max(u, 0.0), tw - 1.001)
                vv = min(max(v, 0.0), th - 1.001)
                iu = int(uu)
                iv = int(vv)
                fu = int((uu - iu) * 256)
                fv = int((vv - iv) * 256)
                w11 = fu * fv
                w10 = (fu << 8) - w11
                w01 = (fv << 8) - w11
                w00 = 65536 - w11 - w10 - w01
                alpha = min(max(w, 0.0), 1.0)
                if mode == 1 and tc == 4:
                    alpha *= (
                        (
                            w00 * texture[iv, iu, 3]
                            + w10 * texture[iv, iu + 1, 3]
                            + w01 * texture[iv + 1, iu, 3]
                            + w11 * texture[iv + 1, iu + 1, 3]
                        )
                        >> 16
                    ) / 255.0
                ia = int(alpha * 256 + 0.5)
                for k in range(3):
                    s = (
                        w00 * texture[iv, iu, k]
                        + w10 * texture[iv, iu + 1, k]
                        + w01 * texture[iv + 1, iu, k]
                        + w11 * texture[iv + 1, iu + 1, k]
                        + 32768
                    ) >> 16
                    if mode == 0:
                        patch[y, x, k] = s
                    elif mode == 2:
                        patch[y, x, k] = min(255, patch[y, x, k] + ((s * ia) >> 8))
                    else:
                        patch[y, x, k] = (s * ia + patch[y, x, k] * (256 - ia) + 128) >> 8
                if mode == 0:
                    patch[y, x, 3] = min(255, int(alpha * 255 + 0.5))
                elif mode == 3:
                    patch[y, x, 3] = max(patch[y, x, 3], min(255, int(alpha * 255 + 0.5)))
                u += ux
                v += vx
                w += wx


@njit(**_OPTIONS)
def shade_opening(
    patch: NDArray[np.uint8],
    top: NDArray[np.float32],
    bottom: NDArray[np.float32],
    reach_top: float,
    reach_bottom: float,
    dark_top: float,
    dark_bottom: float,
    corner: float,
) -> None:
    """Shadow that the edges of an opening throw on what lies behind, on opaque pixels.

    ``top`` and ``bottom`` are the opening's edges per column in patch pixels; a column outside
    the opening has ``top > bottom``. Shadow falls off over ``reach`` pixels from each edge and
    over ``corner`` pixels of opening height towards the corners.
    """
    height, width = patch.shape[:2]
    for x in range(width):
        if top[x] > bottom[x] + 2:
            continue
        tall = max(bottom[x] - top[x], 0.0)
        lateral = tall / (tall + corner)
        y0 = max(0, int(top[x]) - 3)
        y1 = min(height - 1, int(bottom[x]) + 3)
        for y in range(y0, y1 + 1):
            if patch[y, x, 3] != 255:
                continue
            a = max(y - top[x], 0.0) / reach_top
            b = max(bottom[x] - y, 0.0) / reach_bottom
            light = (
                (1.0 - dark_top / (1.0 + a * a)) * (1.0 - dark_bottom / (1.0 + b * b)) * lateral
            )
            for k in range(3):
                patch[y, x, k] = int(patch[y, x, k] * light + 0.5)


@njit(**_OPTIONS)
def merge_patch(
    frame: NDArray[np.uint8],
    patch: NDArray[np.uint8],
    x0: int,
    y0: int,
    ss: int,
    stale: NDArray[np.uint8],
) -> None:
    """Average ``ss`` x ``ss`` patch pixels and blend the result over the frame at (x0, y0)."""
    height, width = frame.shape[:2]
    ph = patch.shape[0] // ss
    pw = patch.shape[1] // ss
    for j in range(ph):
        y = y0 + j
        if y < 0 or y >= height:
            continue
        for i in range(pw):
            x = x0 + i
            if x < 0 or x >= width:
                continue
            alpha = 0
            r = 0
            g = 0
            b = 0
            for dy in range(ss):
                for dx in range(ss):
                    q = int(patch[j * ss + dy, i * ss + dx, 3])
                    if q:
                        alpha += q
                        r += q * patch[j * ss + dy, i * ss + dx, 0]
                        g += q * patch[j * ss + dy, i * ss + dx, 1]
                        b += q * patch[j * ss + dy, i * ss + dx, 2]
            if alpha == 0:
                continue
            full = 255 * ss * ss
            rest = full - alpha
            frame[y, x, 0] = (r + frame[y, x, 0] * rest + full // 2) // full
            frame[y, x, 1] = (g + frame[y, x, 1] * rest + full // 2) // full
            frame[y, x, 2] = (b + frame[y, x, 2] * rest + full // 2) // full
            stale[y // CELL, x // CELL] = 1
