"""Displacements by ARKit name, packed for :func:`visavis.rendering.kernels.add_morphs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import ARKIT_INDEX

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PackedMorphs:
    """The displacements of one set of vertices; vertices that do not move are left out.

    Attributes:
        columns: ``(m,)`` places in ``FaceState.arkit``.
        starts: ``(m + 1,)`` where each morph's entries begin.
        index: ``(k,)`` vertices.
        delta: ``(k, 3)`` their displacements at coefficient 1.
    """

    columns: NDArray[np.int64]
    starts: NDArray[np.int64]
    index: NDArray[np.int32]
    delta: Floats


def pack_morphs(morphs: Mapping[str, NDArray[np.floating]]) -> PackedMorphs:
    """Pack displacements ``(n, 3)`` by name; names that are not ARKit's are left out."""
    columns, starts, index, delta = [], [0], [], []
    for name, d in morphs.items():
        if name not in ARKIT_INDEX:
            continue
        moved = np.flatnonzero(np.abs(d).max(1) > 0)
        columns.append(ARKIT_INDEX[name])
        index.append(moved)
        delta.append(d[moved])
        starts.append(starts[-1] + len(moved))
    return PackedMorphs(
        np.array(columns, np.int64),
        np.array(starts, np.int64),
        np.concatenate([*index, []]).astype(np.int32),
        np.concatenate([*delta, np.zeros((0, 3))]).astype(np.float32),
    )
