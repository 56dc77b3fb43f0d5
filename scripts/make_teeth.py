"""Make ``src/visavis/replicas/data/teeth_{upper,lower}.png``: a row of teeth that is nobody's.

From a folder of smiling portraits: in every frontal smile the gaps between the upper teeth are
found by dynamic programming on the darkness of the columns, gum line and incisal edge per tooth by
a threshold, and each tooth is warped to a canonical cell. The mean over the best smiles (at least
eight) keeps sharp gaps because the gaps coincide; outlines are those of the mean arch. Lower
incisors are narrower and hardly visible in smiles: they are the same mixture in the smaller
proportions of a lower arch (Wheeler's Dental Anatomy: widths 5.0, 5.5, 7.0 mm against 8.5, 6.5,
7.5 mm above), upside down.

    python scripts/make_teeth.py PORTRAITS_DIR [--smiles 16]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.replicas import topology as topo

Array = NDArray[np.float64]
MM = 4.0  # pixels per millimetre everywhere below
EYES_MM = 90.0  # outer eye corner to outer eye corner
WIDTHS = np.array([8.5, 6.4, 5.6, 4.6])  # upper teeth as projected to the front, mm
CROWN = 10.0  # crown height of the central incisor, mm
GUM = 2.0  # strip of gum above it, mm
HEIGHTS = np.array([1.0, 0.90, 0.97, 0.80])
HALF = 22.4  # half the texture's width, mm
CORNER = np.array([0.4, 0.7, 1.6, 1.2])  # how far the incisal edge rises towards a tooth's side
LOWER_WIDTHS = np.array([5.3, 5.8, 5.6, 4.6])
LOWER_HEIGHTS = np.array([0.90, 0.92, 0.97, 0.80])
LOWER_CORNER = np.array([0.25, 0.35, 0.9, 0.8])


def rectify(image: NDArray[np.uint8], p: Array) -> tuple[Array, Array, Array]:
    """The mouth at ``MM`` pixels a millimetre, eyes level: crop, upper and lower inner lip."""
    e = p[topo.LEFT_EYE_OUTER, :2] - p[topo.RIGHT_EYE_OUTER, :2]
    s = EYES_MM * MM / np.hypot(*e)
    a = np.arctan2(e[1], e[0])
    rot = s * np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    c = (p[13, :2] + p[14, :2]) / 2
    m = np.c_[rot, np.array([160.0, 80.0]) - rot @ c]
    crop = cv2.warpAffine(image, m, (320, 160), flags=cv2.INTER_CUBIC).astype(float)
    upper, lower = (
        p[list(row), :2] @ rot.T + m[:, 2] for row in (topo.UPPER_INNER, topo.LOWER_INNER)
    )
    return crop, upper, lower


def find_gaps(profile: Array) -> tuple[float, Array]:
    """Columns of the nine gaps around eight teeth, and a score, from the darkness of columns."""
    best = (-1e9, np.zeros(9))
    widths = np.r_[WIDTHS[::-1], WIDTHS] * MM
    n = len(profile)
    for scale in np.arange(0.8, 1.16, 0.04):
        w = widths * scale
        reach = np.arange(-6, 7)
        for start in range(max(0, int(n / 2 - w[:4].sum() - 24)), int(n / 2 - w[:4].sum() + 24), 2):
            nominal = start + np.r_[0, np.cumsum(w)]
            if nominal[-1] + 7 >= n or nominal[0] < 7:
                continue
            cand = nominal[:, None] + reach  # (9, 13)
            gain = profile[np.round(cand).astype(int)]
            gain[[0, 8]] *= 0.2
            score = gain[0].copy()
            back = []
            for k in range(1, 9):
                bend = -0.02 * (reach[:, None] - reach[None]) ** 2
                total = score[None] + bend
                back.append(total.argmax(1))
                score = total.max(1) + gain[k]
            if score.max() > best[0]:
                j = int(score.argmax())
                path = [j]
                for b in reversed(back):
                    path.append(int(b[path[-1]]))
                best = (float(score.max()), cand[np.arange(9), path[::-1]])
    return best


def canonical_edges() -> Array:
    return np.r_[-np.cumsum(WIDTHS)[::-1], 0, np.cumsum(WIDTHS)]


def canonical_teeth(crop: Array, upper: Array, lower: Array) -> tuple[float, Array] | None:
    """One smile's upper teeth in canonical cells ``(CROWN * MM, width)``, and how well they fit."""
    mask = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.r_[upper, lower[::-1]]).astype(np.int32)], 1)
    r, g, b = crop[..., 0], crop[..., 1], crop[..., 2]
    value = 0.5 * g + 0.5 * b - 0.7 * np.clip(r - g, 0, None)
    inside = value[mask > 0]
    if inside.size < 800:
        return None
    level, _ = cv2.threshold(
        np.clip(inside, 0, 255).astype(np.uint8)[None], 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU
    )
    tooth = (value > level) & (mask > 0)
    xs = np.arange(crop.shape[1])
    top = np.interp(xs, upper[:, 0], upper[:, 1])
    mid = np.full(len(xs), np.nan)
    for x in range(int(upper[0, 0]) + 4, int(upper[-1, 0]) - 4):
        ys = np.flatnonzero(tooth[:, x])
        if len(ys) > 6:
            mid[x] = ys[0] + 0.45 * min(len(ys), CROWN * MM)
    if np.isfinite(mid).sum() < 100:
        return None
    ok = np.isfinite(mid)
    fit = np.polyval(np.polyfit(xs[ok], mid[ok], 4), xs)
    band = np.stack([fit + k for k in range(-7, 8)])
    row = cv2.remap(
        value.astype(np.float32),
        np.broadcast_to(xs, band.shape).astype(np.float32),
        band.astype(np.float32),
        cv2.INTER_LINEAR,
    )
    line = np.median(row, 0)
    dark = cv2.GaussianBlur(line[None], (0, 0), 9)[0] - cv2.GaussianBlur(line[None], (0, 0), 1)[0]
    dark /= np.std(dark[ok]) + 1e-6
    score, gaps = find_gaps(np.clip(dark, -1.5, 2.5))
    tops, bottoms = [], []
    for k in range(8):
        x0, x1 = gaps[k], gaps[k + 1]
        cols = range(
            int(x0 + 0.3 * (x1 - x0)), max(int(x0 + 0.7 * (x1 - x0)), int(x0 + 0.3 * (x1 - x0)) + 1)
        )
        t, bt = [], []
        for x in cols:
            ys = np.flatnonzero(tooth[:, x])
            if len(ys) < 6:
                continue
            run = np.flatnonzero(np.diff(ys) > 2)
            t.append(ys[0])
            bt.append(ys[run[0]] if len(run) and run[0] > 10 else ys[-1])
        if not t:
            return None
        tops.append(np.median(t))
        bottoms.append(np.median(bt))
    height = (np.array(bottoms) - np.array(tops)) / MM
    if not 6.0 < height[[3, 4]].mean() < 12.5 or height.min() < 3:
        return None
    centre = (gaps[:-1] + gaps[1:]) / 2
    edges = (canonical_edges() + HALF) * MM
    w, h = round(2 * HALF * MM), round(CROWN * MM)
    gx = np.interp(np.arange(w), edges, gaps)
    gt, gb = np.interp(gx, centre, tops) + 1.0, np.interp(gx, centre, bottoms) - 1.0
    v = (np.arange(h) + 0.5) / h
    my = gt[None] + v[:, None] * (gb - gt)[None]
    out = cv2.remap(
        crop.astype(np.float32),
        np.broadcast_to(gx, my.shape).astype(np.float32),
        my.astype(np.float32),
        cv2.INTER_CUBIC,
    )
    del top
    return score, out.astype(float)


def normalise(teeth: Array) -> Array:
    """Take each smile's light out: the central incisors get one common colour."""
    w = teeth.shape[1]
    middle = teeth[6:-6, w // 2 - 30 : w // 2 + 30].reshape(-1, 3)
    bright = np.percentile(middle, 70, axis=0)
    return np.asarray(teeth / np.maximum(bright, 30) * np.array([226.0, 217, 203]))


def paint(
    mean: Array, widths: Array, heights: Array, corner: Array, sharp: tuple[float, float]
) -> NDArray[np.uint8]:
    """RGBA row of teeth, gum above, the mixture inside the outlines, shade to the sides.

    ``widths``, ``heights`` (of the crown) and ``corner`` (how far the incisal edge rises towards
    a tooth's side, mm) go from the middle outwards; ``sharp`` is the exponent of that rise for
    incisors and for the others.
    """
    ss = 4
    h, w = round((CROWN + GUM) * MM), mean.shape[1]
    hi_h, hi_w = h * ss, w * ss
    x = (np.arange(hi_w) + 0.5) / (MM * ss) - HALF
    y = (np.arange(hi_h) + 0.5) / (MM * ss) - GUM
    edges = np.r_[-np.cumsum(widths)[::-1], 0, np.cumsum(widths)]
    cell = np.clip(np.searchsorted(edges, x) - 1, 0, 7)
    u = np.clip(
        (x - (edges[cell] + edges[cell + 1]) / 2) / ((edges[cell + 1] - edges[cell]) / 2), -1, 1
    )
    t = np.where(cell < 4, 3 - cell, cell - 4)
    lo = CROWN * heights[t] - corner[t] * np.abs(u) ** np.where(t < 2, *sharp)
    hi = 1.5 * np.abs(u) ** 2.4 + CROWN * 0.02
    inside = np.clip((lo[None] - y[:, None]) * MM * ss / 3 + 0.5, 0, 1)
    crown = np.clip((y[:, None] - hi[None]) * MM * ss / 6 + 0.5, 0, 1)
    source = (np.interp(x, edges, canonical_edges()) + HALF) * MM - 0.5
    down = np.clip((y + 0.02) / CROWN, 0, 1) * CROWN * MM - 0.5
    colour = cv2.remap(
        mean.astype(np.float32),
        np.broadcast_to(source, (hi_h, hi_w)).astype(np.float32),
        np.broadcast_to(down[:, None], (hi_h, hi_w)).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    gum = np.array([178, 98, 98.0]) * (0.85 + 0.15 * np.cos(u * np.pi / 2))[None, :, None]
    crevice = 1 - 0.22 * (np.abs(u) ** 16)[None, :, None] * np.clip(
        (y[:, None, None] + 1) / 4, 0, 1
    )
    rgb = gum * (1 - crown[..., None]) + colour * crevice * crown[..., None]
    rgb = rgb * np.clip(1 - 0.68 * np.abs(x / HALF) ** 1.9, 0, 1)[None, :, None]
    end = min(HALF, float(np.sum(widths)))
    alpha = inside * np.clip((end - np.abs(x)) / 3.0, 0, 1)[None]
    rgba = np.dstack([np.clip(rgb, 0, 255) * alpha[..., None], alpha * 255]).astype(np.float32)
    small = cv2.resize(rgba, (w, h), interpolation=cv2.INTER_AREA)
    small[..., :3] /= np.maximum(small[..., 3:] / 255, 1e-3)
    return np.clip(small, 0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--smiles", type=int, default=16, help="how many to mix (at least 8)")
    parser.add_argument("--landmarks", type=Path, help="cache of landmarks (.npz, by file name)")
    parser.add_argument("--preview", type=Path)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "src/visavis/replicas/data"
    )
    args = parser.parse_args()
    if args.smiles < 8:
        parser.error("a mixture of fewer than eight people could be told from")

    files = sorted(
        f for f in args.portraits.iterdir() if f.suffix.lower() in (".jpg", ".png", ".jpeg")
    )
    known: dict[str, Array] = {}
    if args.landmarks and args.landmarks.exists():
        with np.load(args.landmarks) as z:
            known = {k: z[k] for k in z.files}
    else:
        from visavis.faces import FaceTracker

        tracker = FaceTracker(static=True)
        for f in files:
            faces = tracker.detect(cv2.imread(str(f))[..., ::-1].copy())
            if faces:
                known[f.name] = faces[0].points
        if args.landmarks:
            np.savez_compressed(args.landmarks, **known)
    found = []
    for f in files:
        if f.name not in known:
            continue
        p = known[f.name].astype(float)
        gap = np.linalg.norm(p[13, :2] - p[14, :2]) / np.linalg.norm(p[61, :2] - p[291, :2])
        turn = (p[1, 0] - (p[234, 0] + p[454, 0]) / 2) / np.linalg.norm(p[33, :2] - p[263, :2])
        if gap < 0.11 or abs(turn) > 0.1:
            continue
        image = cv2.imread(str(f))[..., ::-1]
        result = canonical_teeth(*rectify(image.copy(), p))
        if result is not None:
            found.append((result[0], normalise(result[1])))
    found.sort(key=lambda t: -t[0])
    best = [t for _, t in found[: args.smiles]]
    print(f"{len(found)} smiles fit, mixing the best {len(best)}")
    if len(best) < 8:
        raise SystemExit("fewer than eight usable smiles: give a larger population")
    stack = np.stack(best)
    mean = stack.mean(0)
    detail = mean - cv2.GaussianBlur(mean, (0, 0), 2.5)
    mean = np.clip(mean + 0.5 * detail, 0, 255)  # averaging softened it
    mean = (mean + mean[:, ::-1]) / 2 * 0.5 + mean * 0.5
    upper = paint(mean, WIDTHS, HEIGHTS, CORNER, (4.0, 1.8))
    lower = paint(mean * 0.92, LOWER_WIDTHS, LOWER_HEIGHTS, LOWER_CORNER, (6.0, 2.0))[::-1]
    for name, rgba in (("upper", upper), ("lower", lower)):
        cv2.imwrite(str(args.out / f"teeth_{name}.png"), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    if args.preview:
        rows = [np.clip(t, 0, 255).astype(np.uint8) for t in best] + [mean.astype(np.uint8)]
        for rgba in (upper, lower):
            a = rgba[..., 3:] / 255.0
            rows.append((rgba[..., :3] * a + np.array([40, 12, 12]) * (1 - a)).astype(np.uint8))
        sheet = np.vstack(rows)[..., ::-1]
        cv2.imwrite(str(args.preview), cv2.resize(sheet, None, fx=2, fy=2))


if __name__ == "__main__":
    main()
