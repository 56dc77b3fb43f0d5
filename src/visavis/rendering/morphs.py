"""What expressions do to vertices, by ARKit name, packed for the compiled loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.animation.face_state import ARKIT_INDEX
from visavis.rendering import kernels as k

Floats = NDArray[np.float32]


#: Brightness of skin changes with expression by no more than this, log of display brightness.
MAX_SHADE = (-0.45, 0.18)


@dataclass(frozen=True, slots=True)
class PackedMorphs:
    """What each expression does to one set of vertices; vertices it leaves alone are left out.

    Attributes:
        columns: ``(m,)`` places in ``FaceState.arkit``.
        starts: ``(m + 1,)`` where each morph's entries begin.
        index: ``(k,)`` vertices.
        delta: Displacements ``(k, 3)`` or changes of log brightness ``(k,)`` at coefficient 1.
    """

    columns: NDArray[np.int64]
    starts: NDArray[np.int64]
    index: NDArray[np.int32]
    delta: Floats

    def add(self, out: Floats, arkit: Floats) -> None:
        """Displace vertices ``(n, 3)`` by these coefficients ``(52,)``, in place."""
        k.add_morphs(out, self.starts, self.index, self.delta, arkit[self.columns])

    def shade(self, out: Floats, arkit: Floats) -> None:
        """Write the factor of brightness of each vertex ``(n,)``."""
        low, high = MAX_SHADE
        k.add_shades(out, self.starts, self.index, self.delta, arkit[self.columns], low, high)


def pack_morphs(
    morphs: Mapping[str, NDArray[np.floating]], shape: tuple[int, ...] = (3,)
) -> PackedMorphs:
    """Pack changes ``(n, *shape)`` by name; names that are not ARKit's are left out."""
    columns, starts, index, delta = [], [0], [], []
    for name, d in morphs.items():
        if name not in ARKIT_INDEX:
            continue
        moved = np.flatnonzero((d != 0).any(axis=tuple(range(1, d.ndim))))
        columns.append(ARKIT_INDEX[name])
        index.append(moved)
        delta.append(d[moved])
        starts.append(starts[-1] + len(moved))
    return PackedMorphs(
        np.array(columns, np.int64),
        np.array(starts, np.int64),
        np.concatenate([*index, []]).astype(np.int32),
        np.concatenate([*delta, np.zeros((0, *shape))]).astype(np.float32),
    )
