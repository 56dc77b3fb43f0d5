"""Loop subdivision as a sparse matrix.

C. Loop, "Smooth Subdivision Surfaces Based on Triangles" (1987), boundary rule of the cubic
B-spline. Because the scheme is linear, the same matrix refines rest positions and every
displacement: the refined rest mesh is then exactly at rest when the control mesh is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

Edge = tuple[int, int]


def _edge(a: int, b: int) -> Edge:
    return (a, b) if a < b else (b, a)


@dataclass(frozen=True, slots=True)
class Refinement:
    """One step of subdivision.

    Attributes:
        matrix: Sparse ``(m, n)``; refined values = matrix @ control values. The first ``n``
            refined vertices belong to the control vertices.
        triangles: int32 ``(4 k, 3)``; triangle ``i`` became rows ``4 i`` to ``4 i + 3``.
        midpoints: The vertex each control edge has become.
    """

    matrix: csr_matrix
    triangles: NDArray[np.int32]
    midpoints: dict[Edge, int]

    def refine_row(self, row: tuple[int, ...]) -> tuple[int, ...]:
        """The polyline of control vertices ``row`` with the new vertices in between."""
        out = [row[0]]
        for a, b in pairwise(row):
            out += [self.midpoints[_edge(a, b)], b]
        return tuple(out)


def loop_subdivide(triangles: NDArray[np.integer], n: int) -> Refinement:
    """Refine a triangle mesh of ``n`` vertices once; vertices in no triangle stay."""
    opposite: dict[Edge, list[int]] = {}
    near: dict[int, set[int]] = {}
    for t in triangles.tolist():
        for k in range(3):
            a, b, c = t[k], t[(k + 1) % 3], t[(k + 2) % 3]
            opposite.setdefault(_edge(a, b), []).append(c)
            near.setdefault(a, set()).update((b, c))
    midpoints = {e: n + i for i, e in enumerate(opposite)}
    rim: dict[int, list[int]] = {}
    for (a, b), o in opposite.items():
        if len(o) == 1:
            rim.setdefault(a, []).append(b)
            rim.setdefault(b, []).append(a)

    rows: list[int] = []
    cols: list[int] = []
    weights: list[float] = []

    def put(i: int, parts: list[tuple[int, float]]) -> None:
        for j, w in parts:
            rows.append(i)
            cols.append(j)
            weights.append(w)

    for (a, b), o in opposite.items():
        i = midpoints[(a, b)]
        if len(o) == 2:
            put(i, [(a, 0.375), (b, 0.375), (o[0], 0.125), (o[1], 0.125)])
        else:
            put(i, [(a, 0.5), (b, 0.5)])
    for v in range(n):
        if v not in near or (v in rim and len(rim[v]) != 2):
            put(v, [(v, 1.0)])
        elif v in rim:
            put(v, [(v, 0.75), *((u, 0.125) for u in rim[v])])
        else:
            k = len(near[v])
            beta = 3 / 16 if k == 3 else 3 / (8 * k)
            put(v, [(v, 1 - k * beta), *((u, beta) for u in near[v])])
    matrix = coo_matrix((weights, (rows, cols)), shape=(n + len(opposite), n)).tocsr()

    children: list[tuple[int, int, int]] = []
    for a, b, c in triangles.tolist():
        x, y, z = midpoints[_edge(a, b)], midpoints[_edge(b, c)], midpoints[_edge(c, a)]
        children += [(a, x, z), (b, y, x), (c, z, y), (x, y, z)]
    return Refinement(matrix, np.array(children, np.int32).reshape(-1, 3), midpoints)
