# mypy: disable-error-code="untyped-decorator"
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
#: Brightness is rounded to this many steps; this many leave a pixel as it is.
LIT = 256
#: Skin in shadow is redder: part of a change of brightness that each channel takes, in 256ths.
TINT = (218, 264, 272)
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
    """``out[index] += weight * delta``; morph ``k`` owns ``starts[k]:starts[k + 1]``."""
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
def add_shades(
    out: NDArray[np.float32],
    starts: NDArray[np.int64],
    index: NDArray[np.int32],
    change: NDArray[np.float32],
    weight: NDArray[np.float32],
    low: float,
    high: float,
) -> None:
    """``out`` becomes the factor of brightness: the exponential of the weighted changes.

    As :func:`add_morphs`, for scalars; the sum is kept between ``low`` and ``high``.
    """
    out[:] = 0.0
    for k in range(weight.shape[0]):
        w = weight[k]
        if w == 0.0:
            continue
        for j in range(starts[k], starts[k + 1]):
            out[index[j]] += w * change[j]
    for i in range(out.shape[0]):
        if out[i] != 0.0:
            out[i] = np.exp(min(max(out[i], np.float32(low)), np.float32(high)))
        else:
            out[i] = 1.0


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
    light: NDArray[np.float32],
    tri: NDArray[np.uint32],
    node_u: NDArray[np.int32],
    node_v: NDArray[np.int32],
    node_l: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    """For every node of the coarse map the texture pixel seen there, and its brightness.

    In 1/STEPS pixels, and 1/LIT of the texture's own.
    """
    gh, gw = depth.shape
    inv_cell = np.float32(1.0 / CELL)
    depth[:] = -1e9
    low = np.float32(-1e-4)
    for t in range(np.uint64(tri.shape[0])):
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
        inv = np.float32(1.0) / det
        for yi in range(y0, y1 + 1):
            y = np.float32(yi)
            for xi in range(x0, x1 + 1):
                x = np.float32(xi)
                w1 = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) * inv
                w2 = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) * inv
                w0 = np.float32(1.0) - w1 - w2
                if w0 < low or w1 < low or w2 < low:
                    continue
                z = w0 * p[a, 2] + w1 * p[b, 2] + w2 * p[c, 2]
                iy = np.uint64(yi)
                ix = np.uint64(xi)
                if z <= depth[iy, ix]:
                    continue
                depth[iy, ix] = z
                u = w0 * uv[a, 0] + w1 * uv[b, 0] + w2 * uv[c, 0]
                v = w0 * uv[a, 1] + w1 * uv[b, 1] + w2 * uv[c, 1]
                node_u[iy, ix] = int(np.floor(u * STEPS + 0.5))
                node_v[iy, ix] = int(np.floor(v * STEPS + 0.5))
                bright = w0 * light[a] + w1 * light[b] + w2 * light[c]
                node_l[iy, ix] = int(bright * LIT + np.float32(0.5))


def pack(texture: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """RGBA (or RGB) as one integer a pixel, sixteen bits a channel, red lowest.

    Bilinear interpolation with weights that add up to 256 is then four multiplications for all
    channels together: 255 * 256 still fits sixteen bits.
    """
    wide = texture.astype(np.uint64)
    out = wide[..., 0] | (wide[..., 1] << np.uint64(16)) | (wide[..., 2] << np.uint64(32))
    if texture.shape[2] == 4:
        out |= wide[..., 3] << np.uint64(48)
    else:
        out |= np.uint64(255 << 48)
    return np.ascontiguousarray(out)


@njit(inline="always")
def _fetch(texture: Any, iu: Any, iv: Any, fu: Any, fv: Any) -> Any:
    """The packed texture at (iu + fu / 256, iv + fv / 256), channels times 256 plus rounding."""
    one = np.uint64(1)
    w11 = (fu * fv) >> np.uint64(8)
    w10 = fu - w11
    w01 = fv - w11
    w00 = np.uint64(256) - fu - w01
    return (
        w00 * texture[iv, iu]
        + w10 * texture[iv, iu + one]
        + w01 * texture[iv + one, iu]
        + w11 * texture[iv + one, iu + one]
        + np.uint64(0x0080008000800080)
    )


@njit(inline="always")
def _lit(value: Any, light: Any, part: Any) -> Any:
    """A channel under this brightness (1/LIT), of which it takes ``part`` (256ths)."""
    factor = LIT + (((light - LIT) * part) >> 8)
    return np.uint64(min(255, (np.int64(value) * factor + LIT // 2) >> 8))


@njit(**_OPTIONS)
def fill_cells(
    frame: NDArray[np.uint8],
    backdrop: NDArray[np.uint8],
    texture: NDArray[np.uint64],
    coverage: NDArray[np.uint8],
    node_u: NDArray[np.int32],
    node_v: NDArray[np.int32],
    node_l: NDArray[np.int32],
    last_u: NDArray[np.int32],
    last_v: NDArray[np.int32],
    last_l: NDArray[np.int32],
    stale: NDArray[np.uint8],
) -> int:
    """Draw person over backdrop wherever the coarse map changed; returns the cells drawn.

    ``stale`` (per cell) is 1 where something else has been painted over since; it is cleared.
    The texture is packed RGBA.
    """
    height, width = frame.shape[:2]
    th, tw = texture.shape
    rows, cols = stale.shape
    max_u = np.int32(((tw - 1) << 16) - 1)
    max_v = np.int32(((th - 1) << 16) - 1)
    byte = np.uint64(255)
    drawn = 0
    for cy in range(np.uint64(rows)):
        y0 = cy * np.uint64(CELL)
        y1 = min(y0 + np.uint64(CELL), np.uint64(height))
        for cx in range(np.uint64(cols)):
            r_ = cx + np.uint64(1)
            b_ = cy + np.uint64(1)
            u00 = node_u[cy, cx]
            u10 = node_u[cy, r_]
            u01 = node_u[b_, cx]
            u11 = node_u[b_, r_]
            v00 = node_v[cy, cx]
            v10 = node_v[cy, r_]
            v01 = node_v[b_, cx]
            v11 = node_v[b_, r_]
            l00 = node_l[cy, cx]
            l10 = node_l[cy, r_]
            l01 = node_l[b_, cx]
            l11 = node_l[b_, r_]
            if (
                stale[cy, cx] == 0
                and u00 == last_u[cy, cx]
                and u10 == last_u[cy, r_]
                and u01 == last_u[b_, cx]
                and u11 == last_u[b_, r_]
                and v00 == last_v[cy, cx]
                and v10 == last_v[cy, r_]
                and v01 == last_v[b_, cx]
                and v11 == last_v[b_, r_]
                and l00 == last_l[cy, cx]
                and l10 == last_l[cy, r_]
                and l01 == last_l[b_, cx]
                and l11 == last_l[b_, r_]
            ):
                continue
            x0 = cx * np.uint64(CELL)
            x1 = min(x0 + np.uint64(CELL), np.uint64(width))
            tu = min(max((u00 + u11) // (2 * STEPS), 0), tw - 1) // TILE
            tv = min(max((v00 + v11) // (2 * STEPS), 0), th - 1) // TILE
            kind = coverage[np.uint64(tv), np.uint64(tu)]
            drawn += 1
            stale[cy, cx] = 0
            if kind == CLEAR:
                for y in range(y0, y1):
                    for x in range(x0, x1):
                        frame[y, x, 0] = backdrop[y, x, 0]
                        frame[y, x, 1] = backdrop[y, x, 1]
                        frame[y, x, 2] = backdrop[y, x, 2]
                continue
            lit = l00 != LIT or l10 != LIT or l01 != LIT or l11 != LIT
            left_l = np.int32(l00 << 8)
            right_l = np.int32(l10 << 8)
            down_left_l = np.int32(((l01 - l00) << 8) // CELL)
            down_right_l = np.int32(((l11 - l10) << 8) // CELL)
            # 16 fractional bits from here on; STEPS = 2 ** 6
            left_u = np.int32(u00 << 10)
            left_v = np.int32(v00 << 10)
            right_u = np.int32(u10 << 10)
            right_v = np.int32(v10 << 10)
            down_left_u = np.int32(((u01 - u00) << 10) // CELL)
            down_left_v = np.int32(((v01 - v00) << 10) // CELL)
            down_right_u = np.int32(((u11 - u10) << 10) // CELL)
            down_right_v = np.int32(((v11 - v10) << 10) // CELL)
            for y in range(y0, y1):
                u = left_u
                v = left_v
                du = np.int32((right_u - left_u) // CELL)
                dv = np.int32((right_v - left_v) // CELL)
                bright = left_l
                dl = np.int32((right_l - left_l) // CELL)
                left_l += down_left_l
                right_l += down_right_l
                left_u += down_left_u
                left_v += down_left_v
                right_u += down_right_u
                right_v += down_right_v
                for x in range(x0, x1):
                    uu = np.uint32(min(max(u, np.int32(0)), max_u))
                    vv = np.uint32(min(max(v, np.int32(0)), max_v))
                    u += du
                    v += dv
                    colour = _fetch(
                        texture,
                        np.uint64(uu >> np.uint32(16)),
                        np.uint64(vv >> np.uint32(16)),
                        np.uint64((uu >> np.uint32(8)) & np.uint32(255)),
                        np.uint64((vv >> np.uint32(8)) & np.uint32(255)),
                    )
                    r = (colour >> np.uint64(8)) & byte
                    g = (colour >> np.uint64(24)) & byte
                    b = (colour >> np.uint64(40)) & byte
                    if lit:
                        light = np.int64(bright >> 8)
                        bright += dl
                        r = _lit(r, light, TINT[0])
                        g = _lit(g, light, TINT[1])
                        b = _lit(b, light, TINT[2])
                    if kind == MIXED:
                        a = colour >> np.uint64(56)
                        a += a >> np.uint64(7)  # 0..255 to 0..256
                        rest = np.uint64(256) - a
                        half = np.uint64(128)
                        eight = np.uint64(8)
                        r = (r * a + backdrop[y, x, 0] * rest + half) >> eight
                        g = (g * a + backdrop[y, x, 1] * rest + half) >> eight
                        b = (b * a + backdrop[y, x, 2] * rest + half) >> eight
                    frame[y, x, 0] = np.uint8(r)
                    frame[y, x, 1] = np.uint8(g)
                    frame[y, x, 2] = np.uint8(b)
    return drawn


@njit(**_OPTIONS)
def draw_triangles(
    patch: NDArray[np.uint8],
    texture: NDArray[np.uint64],
    p: NDArray[np.float32],
    uv: NDArray[np.float32],
    value: NDArray[np.float32],
    light: NDArray[np.float32],
    tri: NDArray[np.uint32],
    mode: int,
) -> None:
    """Textured triangles into an RGBA patch.

    ``p`` is in patch pixels, ``uv`` in texture pixels, ``texture`` packed; ``light`` is the factor
    of brightness, heeded by mode 0. Modes:
    0 replace colour, alpha becomes ``value`` (0..1, interpolated);
    1 blend by texture alpha times ``value`` where the patch is opaque;
    2 add light times ``value`` where the patch is opaque;
    3 like 1, but over every pixel, opaque or not.
    """
    height = patch.shape[0]
    width = patch.shape[1]
    th, tw = texture.shape
    max_u = np.float32(tw - 1.01)
    max_v = np.float32(th - 1.01)
    zero = np.float32(0)
    byte = np.uint64(255)
    for t in range(np.uint64(tri.shape[0])):
        a = tri[t, 0]
        b = tri[t, 1]
        c = tri[t, 2]
        ax = p[a, 0]
        ay = p[a, 1]
        bx = p[b, 0]
        by = p[b, 1]
        cx = p[c, 0]
        cy = p[c, 1]
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.ceil(max(ay, by, cy))) - 1)
        if y0 > y1:
            continue
        det = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(det) < np.float32(1e-7):
            continue
        inv = np.float32(1.0) / det
        ux = ((uv[b, 0] - uv[a, 0]) * (cy - ay) - (uv[c, 0] - uv[a, 0]) * (by - ay)) * inv
        uy = ((uv[c, 0] - uv[a, 0]) * (bx - ax) - (uv[b, 0] - uv[a, 0]) * (cx - ax)) * inv
        vx = ((uv[b, 1] - uv[a, 1]) * (cy - ay) - (uv[c, 1] - uv[a, 1]) * (by - ay)) * inv
        vy = ((uv[c, 1] - uv[a, 1]) * (bx - ax) - (uv[b, 1] - uv[a, 1]) * (cx - ax)) * inv
        wx = ((value[b] - value[a]) * (cy - ay) - (value[c] - value[a]) * (by - ay)) * inv
        wy = ((value[c] - value[a]) * (bx - ax) - (value[b] - value[a]) * (cx - ax)) * inv
        lx = np.float32(0)
        ly = np.float32(0)
        if mode == 0:
            lx = ((light[b] - light[a]) * (cy - ay) - (light[c] - light[a]) * (by - ay)) * inv
            ly = ((light[c] - light[a]) * (bx - ax) - (light[b] - light[a]) * (cx - ax)) * inv
        for yi in range(y0, y1 + 1):
            y = np.uint64(yi)
            fy = np.float32(yi)
            lo = np.float32(1e30)
            hi = np.float32(-1e30)
            if (ay <= fy) != (by <= fy):
                x_ = ax + (fy - ay) * (bx - ax) / (by - ay)
                lo = min(lo, x_)
                hi = max(hi, x_)
            if (by <= fy) != (cy <= fy):
                x_ = bx + (fy - by) * (cx - bx) / (cy - by)
                lo = min(lo, x_)
                hi = max(hi, x_)
            if (cy <= fy) != (ay <= fy):
                x_ = cx + (fy - cy) * (ax - cx) / (ay - cy)
                lo = min(lo, x_)
                hi = max(hi, x_)
            x0 = max(0, int(np.ceil(lo)))
            x1 = min(width - 1, int(np.ceil(hi)) - 1)
            if x0 > x1:
                continue
            off = np.float32(x0) - ax
            u = uv[a, 0] + ux * off + uy * (fy - ay)
            v = uv[a, 1] + vx * off + vy * (fy - ay)
            w = value[a] + wx * off + wy * (fy - ay)
            bright = light[a] + lx * off + ly * (fy - ay)
            for x in range(np.uint64(x0), np.uint64(x1 + 1)):
                skip = (mode == 1 or mode == 2) and patch[y, x, 3] != 255
                uu = np.uint32(min(max(u, zero), max_u) * np.float32(256))
                vv = np.uint32(min(max(v, zero), max_v) * np.float32(256))
                alpha = min(max(w, zero), np.float32(1))
                u += ux
                v += vx
                w += wx
                bright += lx
                if skip:
                    continue
                colour = _fetch(
                    texture,
                    np.uint64(uu >> np.uint32(8)),
                    np.uint64(vv >> np.uint32(8)),
                    np.uint64(uu & np.uint32(255)),
                    np.uint64(vv & np.uint32(255)),
                )
                r = (colour >> np.uint64(8)) & byte
                g = (colour >> np.uint64(24)) & byte
                bl = (colour >> np.uint64(40)) & byte
                if mode == 0:
                    here = np.int64((bright - lx) * np.float32(LIT) + np.float32(0.5))
                    patch[y, x, 0] = np.uint8(_lit(r, here, TINT[0]))
                    patch[y, x, 1] = np.uint8(_lit(g, here, TINT[1]))
                    patch[y, x, 2] = np.uint8(_lit(bl, here, TINT[2]))
                    patch[y, x, 3] = np.uint8(alpha * np.float32(255) + np.float32(0.5))
                    continue
                if mode == 2:
                    ia = np.uint64(alpha * np.float32(256))
                    patch[y, x, 0] = np.uint8(min(byte, patch[y, x, 0] + (r * ia >> np.uint64(8))))
                    patch[y, x, 1] = np.uint8(min(byte, patch[y, x, 1] + (g * ia >> np.uint64(8))))
                    patch[y, x, 2] = np.uint8(min(byte, patch[y, x, 2] + (bl * ia >> np.uint64(8))))
                    continue
                ta = colour >> np.uint64(56)
                ia = np.uint64(alpha * np.float32(ta + (ta >> np.uint64(7))) + np.float32(0.5))
                if mode == 3:
                    # where the patch is not opaque its colour counts for less
                    over = np.uint64(patch[y, x, 3])
                    sum_ = ia * np.uint64(255) + over * (np.uint64(256) - ia)
                    if sum_ == 0:
                        continue
                    ia = (ia * np.uint64(255 * 256)) // sum_
                    patch[y, x, 3] = np.uint8(sum_ >> np.uint64(8))
                rest = np.uint64(256) - ia
                patch[y, x, 0] = np.uint8((r * ia + patch[y, x, 0] * rest) >> np.uint64(8))
                patch[y, x, 1] = np.uint8((g * ia + patch[y, x, 1] * rest) >> np.uint64(8))
                patch[y, x, 2] = np.uint8((bl * ia + patch[y, x, 2] * rest) >> np.uint64(8))


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
        lateral = 0.35 + 0.65 * tall / (tall + corner) if corner > 0 else 1.0
        y0 = max(0, int(top[x]) - 3)
        y1 = min(height - 1, int(bottom[x]) + 3)
        for y in range(y0, y1 + 1):
            if patch[y, x, 3] != 255:
                continue
            a = max(y - top[x], 0.0) / reach_top
            b = max(bottom[x] - y, 0.0) / reach_bottom
            light = (1.0 - dark_top / (1.0 + a * a)) * (1.0 - dark_bottom / (1.0 + b * b)) * lateral
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
    """Average ``ss`` x ``ss`` patch pixels and blend the result over the frame at (x0, y0).

    The patch must lie inside the frame.
    """
    ph = np.uint64(patch.shape[0] // ss)
    pw = np.uint64(patch.shape[1] // ss)
    step = np.uint64(ss)
    left = np.uint64(x0)
    top = np.uint64(y0)
    full = np.uint32(255 * ss * ss)
    half = np.uint32(255 * ss * ss // 2)
    # x / full as a multiplication: sums stay below 2 ** 20, so 2 ** 40 leaves no visible error
    inverse = np.uint64((1 << 40) // (255 * ss * ss) + 1)
    for j in range(ph):
        y = top + j
        for i in range(pw):
            alpha = np.uint32(0)
            r = np.uint32(0)
            g = np.uint32(0)
            b = np.uint32(0)
            for dy in range(step):
                for dx in range(step):
                    py = j * step + dy
                    px = i * step + dx
                    q = np.uint32(patch[py, px, 3])
                    alpha += q
                    r += q * patch[py, px, 0]
                    g += q * patch[py, px, 1]
                    b += q * patch[py, px, 2]
            if alpha == 0:
                continue
            x = left + i
            rest = np.uint32(full - alpha)
            r += frame[y, x, 0] * rest + half
            g += frame[y, x, 1] * rest + half
            b += frame[y, x, 2] * rest + half
            frame[y, x, 0] = np.uint8((np.uint64(r) * inverse) >> np.uint64(40))
            frame[y, x, 1] = np.uint8((np.uint64(g) * inverse) >> np.uint64(40))
            frame[y, x, 2] = np.uint8((np.uint64(b) * inverse) >> np.uint64(40))
            stale[y // np.uint64(CELL), x // np.uint64(CELL)] = 1
