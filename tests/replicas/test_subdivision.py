"""Loop subdivision: structure and the properties that the rig relies on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from visavis.replicas.subdivision import loop_subdivide

SQUARE = np.array([[0, 1, 2], [1, 3, 2]])


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    q = np.arange(n * n).reshape(n, n)
    a, b, c, d = q[:-1, :-1], q[:-1, 1:], q[1:, :-1], q[1:, 1:]
    tri = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3),
                          np.stack([b, d, c], -1).reshape(-1, 3)])  # fmt: skip
    y, x = np.mgrid[0:n, 0:n]
    return tri, np.stack([x.ravel(), y.ravel()], 1).astype(float)


@given(st.integers(2, 7))
def test_counts(n: int) -> None:
    tri, points = grid(n)
    fine = loop_subdivide(tri, len(points))
    edges = {tuple(sorted((t[i], t[(i + 1) % 3]))) for t in tri for i in range(3)}
    assert fine.matrix.shape == (len(points) + len(edges), len(points))
    assert fine.triangles.shape == (4 * len(tri), 3)
    assert set(fine.triangles.ravel()) == set(range(fine.matrix.shape[0]))


@given(st.integers(2, 7), st.floats(-3, 3), st.floats(-3, 3))
def test_affine_motion_is_reproduced(n: int, sx: float, shift: float) -> None:
    tri, points = grid(n)
    s = loop_subdivide(tri, len(points)).matrix
    moved = points * (sx, 1) + shift
    np.testing.assert_allclose(s @ moved, (s @ points) * (sx, 1) + shift, atol=1e-9)


def test_rows_gain_the_points_between() -> None:
    fine = loop_subdivide(SQUARE, 4)
    row = fine.refine_row((0, 1, 3))
    assert len(row) == 5
    assert row[::2] == (0, 1, 3)
    points = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)
    np.testing.assert_allclose((fine.matrix @ points)[row[1]], (0.5, 0))
