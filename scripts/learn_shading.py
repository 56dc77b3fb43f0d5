"""Learn how skin looks as the lower face changes shape, from a folder of portraits.

    python scripts/learn_shading.py PORTRAITS [--out FILE] [--sheet PNG]

Every frontal face is brought into one shape (the canonical head of ``arkit_basis.npz``), so that
a pixel is the same place on everybody. The logarithm of its brightness is then regressed, by ridge
regression, on a few measures of the mouth's shape. Who somebody is (identity embedding, and those
measures that differ between people more than between expressions) goes in as well, so that it does
not pass for expression; how the portrait is lit, as far as it is a gradient from top to bottom, is
taken off before. What is kept are the derivatives: brightness per unit of corner height, width and
opening. They are differences; nobody's face is in them.

The result is data for :mod:`visavis.replicas.shading`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.faces import FaceTracker, embed
from visavis.faces.measures import head_pose
from visavis.replicas.expressions import basis_mirror, face_triangles
from visavis.replicas.shading import FEATURES, SIZE, canonical, measure

Array = NDArray[np.float64]

#: Portraits turned further than this (rad) are left out.
MAX_YAW = 0.2
#: Principal components of the identity embedding that are accounted for.
IDENTITY = 24
#: Ridge penalties of identity and of shape, in units of their variance.
PENALTY_IDENTITY, PENALTY_SHAPE = 5.0, 10.0
#: Faces are sampled this much finer than the maps.
FINER = 2
#: Points that expressions hardly move, by which heads are aligned.
STILL = (10, 109, 338, 67, 297, 54, 284, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 33, 133, 263, 362,
         127, 356, 234, 454, 93, 323)  # fmt: skip


def sampling_map(size: int) -> tuple[NDArray[np.int64], Array]:
    """For each pixel of the canonical face the triangle it lies in (-1: none), and where in it."""
    points = canonical() * size - 0.5
    yy, xx = np.mgrid[0:size, 0:size]
    pixels = np.c_[xx.ravel(), yy.ravel()].astype(float)
    owner = np.full(size * size, -1)
    where = np.zeros((size * size, 3))
    for t, (a, b, c) in enumerate(face_triangles()):
        edge1, edge2 = points[b] - points[a], points[c] - points[a]
        det = edge1[0] * edge2[1] - edge2[0] * edge1[1]
        if abs(det) < 1e-9:
            continue
        d = pixels - points[a]
        w1 = (d[:, 0] * edge2[1] - edge2[0] * d[:, 1]) / det
        w2 = (edge1[0] * d[:, 1] - d[:, 0] * edge1[1]) / det
        inside = (w1 >= 0) & (w2 >= 0) & (w1 + w2 <= 1)
        owner[inside] = t
        where[inside] = np.c_[1 - w1 - w2, w1, w2][inside]
    return owner, where


def read(folder: Path) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Landmarks ``(n, 468, 3)``, embeddings, log brightness ``(n, SIZE, SIZE)``, and the face."""
    size = SIZE * FINER
    owner, where = sampling_map(size)
    corners = face_triangles()[owner]
    tracker = FaceTracker(static=True)
    points, embeddings, brightness = [], [], []
    for path in sorted(folder.glob("*.jpg")):
        bgr = cv2.imread(str(path))
        if bgr is None:
            continue
        image = np.asarray(bgr[..., ::-1].copy(), np.uint8)
        faces = tracker.detect(image)
        if len(faces) != 1 or abs(head_pose(faces[0].points)[1]) > MAX_YAW:
            continue
        p = faces[0].points[:468].astype(float)
        scale = min(1.0, size / float(np.linalg.norm(p[10, :2] - p[152, :2])))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        at = (where[..., None] * ((p[:, :2] + 0.5) * scale - 0.5)[corners]).sum(1)
        at = at.reshape(size, size, 2).astype(np.float32)
        face = cv2.remap(small, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
        green = cv2.GaussianBlur(face[..., 1], (0, 0), 0.6 * FINER).astype(np.float32)
        log = np.log((green + 8) / 255)
        log = cv2.resize(log, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        points.append(p)
        embeddings.append(embed(image, faces[0]))
        brightness.append((log + log[:, ::-1]) / 2)
    inside = (owner >= 0).reshape(size, size).astype(np.uint8) * 255
    inside = cv2.resize(inside, (SIZE, SIZE), interpolation=cv2.INTER_AREA) > 250
    return np.array(points), np.array(embeddings), np.array(brightness), inside & inside[:, ::-1]


def align(points: Array) -> Array:
    """Heads in one pose and size, made symmetric: ``(n, 468, 3)``, eyes one unit apart, y up."""
    out = points * (1, -1, -1)
    right, left = (out[:, 33] + out[:, 133]) / 2, (out[:, 263] + out[:, 362]) / 2
    out = (out - (right + left)[:, None] / 2) / np.linalg.norm(left - right, axis=1)[:, None, None]
    still = list(STILL)
    for _ in range(4):
        mean = out.mean(0)
        for i, p in enumerate(out):
            a, b = p[still].mean(0), mean[still].mean(0)
            u, _, vt = np.linalg.svd((p[still] - a).T @ (mean[still] - b))
            turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
            out[i] = (p - a) @ turn + b
    mirrored = out[:, basis_mirror()] * (-1, 1, 1)
    return np.asarray((out + mirrored) / 2)


def learn(points: Array, embeddings: Array, brightness: Array, inside: NDArray[np.bool_]) -> Array:
    """Change of log brightness per unit of each feature, ``(features, SIZE, SIZE)``."""
    n = len(points)
    shape = measure(points)
    # of these only the first are expression; the rest is how people differ
    p = points
    build = np.stack([
        p[:, 17, 1] - p[:, 2, 1], p[:, 0, 1] - p[:, 13, 1], p[:, 14, 1] - p[:, 17, 1],
        p[:, 386, 1] - p[:, 374, 1], p[:, 285, 1] - p[:, 362, 1], p[:, 300, 1] - p[:, 263, 1],
        p[:, 285, 0],
    ], -1)  # fmt: skip
    features = np.c_[shape, build]
    spread = features.std(0)
    features = (features - features.mean(0)) / spread
    u, _, _ = np.linalg.svd(embeddings - embeddings.mean(0), full_matrices=False)
    who = u[:, :IDENTITY] * np.sqrt(n)
    rows = np.flatnonzero(inside.ravel())
    height = (np.mgrid[0:SIZE, 0:SIZE][0] / SIZE - 0.5)[inside]
    ramp = np.c_[np.ones(len(rows)), height]
    log = brightness.reshape(n, -1)[:, rows]
    log = log - (ramp @ np.linalg.lstsq(ramp, log.T, rcond=None)[0]).T

    def solve(a: Array, y: Array, penalty: Array) -> Array:
        return np.asarray(np.linalg.solve(a.T @ a + np.diag(penalty), a.T @ y))

    person = np.c_[np.ones(n), who]
    weak = np.r_[0, np.full(IDENTITY, PENALTY_IDENTITY)]
    strong = np.full(features.shape[1], PENALTY_SHAPE)
    both, penalty = np.c_[person, features], np.r_[weak, strong]
    # How much of what identity leaves open does shape explain, on people not learned from?
    order = np.random.default_rng(0).permutation(n)
    without, with_shape = np.zeros(len(rows)), np.zeros(len(rows))
    for k in range(5):
        test = order[k::5]
        train = np.setdiff1d(order, test)
        without += ((log[test] - person[test] @ solve(person[train], log[train], weak)) ** 2).sum(0)
        guess = both[test] @ solve(both[train], log[train], penalty)
        with_shape += ((log[test] - guess) ** 2).sum(0)
    explained = 1 - with_shape / without
    mouth = height > 0.1
    print(
        f"{n} faces; around the mouth shape explains {100 * np.mean(explained[mouth]):.1f} % of "
        f"the variance left, {100 * np.quantile(explained[mouth], 0.95):.0f} % where it does most"
    )
    slopes = solve(both, log, penalty)[1 + IDENTITY :][: len(FEATURES)]
    maps = np.zeros((len(FEATURES), SIZE * SIZE))
    maps[:, rows] = slopes / spread[: len(FEATURES), None]
    return maps.reshape(-1, SIZE, SIZE)


def main() -> None:
    """Parse the command line and learn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", type=Path)
    data = Path(__file__).parents[1] / "src" / "visavis" / "replicas" / "data"
    parser.add_argument("--out", type=Path, default=data / "shading.npz")
    parser.add_argument("--sheet", type=Path, help="draw the maps into this PNG")
    args = parser.parse_args()
    points, embeddings, brightness, inside = read(args.portraits)
    if len(points) < 100:
        raise SystemExit(f"only {len(points)} usable portraits in {args.portraits}; need 100")
    maps = learn(align(points), embeddings, brightness, inside)
    np.savez_compressed(args.out, maps=maps.astype(np.float16), inside=inside)
    print(f"{args.out.name}: {args.out.stat().st_size / 1000:.0f} kB")
    if args.sheet:
        tiles = [cv2.resize(np.clip(128 + m * 60, 0, 255).astype(np.uint8), None, fx=3, fy=3)
                 for m in maps]  # fmt: skip
        cv2.imwrite(str(args.sheet), np.hstack(tiles))


if __name__ == "__main__":
    main()
